//! The least of Prometheus remote write 1.0: one sample of one series, as protobuf in snappy's block format.

/// The body of a write.
pub fn write_request(labels: &[(&str, &str)], at_ms: i64, value: f64) -> Vec<u8> {
    let mut series = Vec::new();
    for (name, text) in labels {
        let label = [field(1, name.as_bytes()), field(2, text.as_bytes())].concat();
        series.extend(field(1, &label));
    }
    // Field 1 is a double, field 2 a varint.
    let mut sample = vec![0x09];
    sample.extend(value.to_le_bytes());
    sample.push(0x10);
    sample.extend(varint(at_ms.unsigned_abs()));
    series.extend(field(2, &sample));
    literal(&field(1, &series))
}

/// A field of bytes: key, length, content.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    out.extend(varint(content.len() as u64));
    out.extend(content);
    out
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// Snappy's block format with nothing but literals of up to 60 bytes, which is allowed.
fn literal(plain: &[u8]) -> Vec<u8> {
    let mut out = varint(plain.len() as u64);
    for chunk in plain.chunks(60) {
        out.push(((chunk.len() - 1) as u8) << 2);
        out.extend(chunk);
    }
    out
}
