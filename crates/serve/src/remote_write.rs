//! Prometheus remote write 1.0: a protobuf `WriteRequest`, compressed by snappy's block format, checked for size before
//! it is unpacked. (Specification: prometheus.io, Remote-Write 1.0.)

use prost::Message;

use crate::{ApiError, ErrorKind};

/// Samples of one series that were written to us.
#[derive(Clone, Debug, PartialEq)]
pub struct WrittenSeries {
    /// Label names and values as sent, `__name__` among them.
    pub labels: Vec<(String, String)>,
    /// Milliseconds since 1970-01-01 UTC and value; only finite values.
    pub samples: Vec<(i64, f64)>,
}

/// Bounds of one remote write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteLimits {
    /// Bytes of the body as sent.
    pub compressed_bytes: usize,
    /// Bytes after unpacking.
    pub unpacked_bytes: usize,
    /// Series.
    pub series: usize,
    /// Samples over all series.
    pub samples: usize,
    /// Labels of one series.
    pub labels_per_series: usize,
}

impl Default for WriteLimits {
    fn default() -> Self {
        WriteLimits {
            compressed_bytes: 4 * 1024 * 1024,
            unpacked_bytes: 32 * 1024 * 1024,
            series: 50_000,
            samples: 500_000,
            labels_per_series: 64,
        }
    }
}

/// `prometheus.WriteRequest`; metadata (field 3) is skipped.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) timeseries: Vec<TimeSeries>,
}

/// `prometheus.TimeSeries`; exemplars and native histograms are skipped.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    pub(crate) labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) samples: Vec<Sample>,
}

/// `prometheus.Label`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Label {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

/// `prometheus.Sample`.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Sample {
    #[prost(double, tag = "1")]
    pub(crate) value: f64,
    #[prost(int64, tag = "2")]
    pub(crate) timestamp: i64,
}

/// Unpacks and checks the body of a remote write. Values that are not finite (staleness markers among them) are
/// dropped; series without any other are too.
pub(crate) fn decode(body: &[u8], limits: &WriteLimits) -> Result<Vec<WrittenSeries>, ApiError> {
    let unreadable = |what: String| {
        ApiError::new(ErrorKind::BadRequest, what, "send a Prometheus remote write 1.0 request, compressed by snappy")
    };
    let too_large = |what: &str, has: usize, most: usize| {
        ApiError::new(
            ErrorKind::TooLarge,
            format!("the write has {has} {what}, at most {most} are taken"),
            "lower max_samples_per_send in the sender's queue_config",
        )
    };
    let length = snap::raw::decompress_len(body)
        .map_err(|error| unreadable(format!("the body is not snappy's block format: {error}")))?;
    if length > limits.unpacked_bytes {
        return Err(too_large("bytes unpacked", length, limits.unpacked_bytes));
    }
    let unpacked = snap::raw::Decoder::new()
        .decompress_vec(body)
        .map_err(|error| unreadable(format!("the body is damaged: {error}")))?;
    let request = WriteRequest::decode(unpacked.as_slice())
        .map_err(|error| unreadable(format!("the body is no WriteRequest: {error}")))?;
    if request.timeseries.len() > limits.series {
        return Err(too_large("series", request.timeseries.len(), limits.series));
    }
    let samples = request.timeseries.iter().map(|series| series.samples.len()).sum::<usize>();
    if samples > limits.samples {
        return Err(too_large("samples", samples, limits.samples));
    }
    let mut written = Vec::with_capacity(request.timeseries.len());
    for (index, series) in request.timeseries.into_iter().enumerate() {
        if series.labels.len() > limits.labels_per_series {
            return Err(too_large("labels on one series", series.labels.len(), limits.labels_per_series));
        }
        let labels: Vec<_> = series.labels.into_iter().map(|label| (label.name, label.value)).collect();
        if !labels.iter().any(|(name, value)| name == "__name__" && !value.is_empty()) {
            return Err(unreadable(format!("series {index} has no label __name__")));
        }
        let samples: Vec<_> = series
            .samples
            .into_iter()
            .filter(|sample| sample.value.is_finite())
            .map(|sample| (sample.timestamp, sample.value))
            .collect();
        if !samples.is_empty() {
            written.push(WrittenSeries { labels, samples });
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(series: usize, samples: usize) -> Vec<u8> {
        let label = |name: &str, value: &str| Label { name: name.into(), value: value.into() };
        let one = TimeSeries {
            labels: vec![label("__name__", "up"), label("job", "node")],
            samples: (0..samples).map(|at| Sample { value: at as f64, timestamp: at as i64 }).collect(),
        };
        let request = WriteRequest { timeseries: vec![one; series] };
        snap::raw::Encoder::new().compress_vec(&request.encode_to_vec()).unwrap()
    }

    #[test]
    fn sizes_are_checked_before_unpacking() {
        let limits = WriteLimits { unpacked_bytes: 1_000, series: 2, samples: 4, ..WriteLimits::default() };
        let detail = |body: &[u8]| decode(body, &limits).map(|series| series.len()).map_err(|error| error.to_string());
        assert_eq!(detail(&request(2, 2)), Ok(2));
        assert!(detail(&request(3, 1)).unwrap_err().contains("3 series"));
        assert!(detail(&request(1, 5)).unwrap_err().contains("5 samples"));
        assert!(detail(&request(2, 500)).unwrap_err().contains("bytes unpacked"));
        // A header that promises four gigabytes, and nothing behind it.
        assert!(detail(&[0xff, 0xff, 0xff, 0xff, 0x0f]).unwrap_err().contains("bytes unpacked"));
        assert!(detail(b"").is_err());
        assert!(detail(b"not snappy at all").is_err());
    }

    #[test]
    fn stale_markers_are_dropped() {
        let mut stale =
            WriteRequest::decode(snap::raw::Decoder::new().decompress_vec(&request(1, 2)).unwrap().as_slice()).unwrap();
        stale.timeseries[0].samples[1].value = f64::from_bits(0x7ff0_0000_0000_0002);
        let body = snap::raw::Encoder::new().compress_vec(&stale.encode_to_vec()).unwrap();
        assert_eq!(decode(&body, &WriteLimits::default()).unwrap()[0].samples, [(0, 0.0)]);
    }
}
