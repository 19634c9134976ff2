//! The `access` kind: one row per access, in order; streams are separate.

use std::collections::BTreeMap;
use std::path::Path;

use super::TraceError;
use super::lines::{Lines, Row, shortened};

const HEADER: &str = "seq,t_s,stream,key,blocks,op";

/// What an access did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessOp {
    /// Read.
    Read,
    /// Wrote.
    Write,
    /// Started a program.
    Run,
}

/// One access.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Access {
    /// When, in seconds; `None` where the trace has no times.
    pub at_s: Option<f64>,
    /// Whose, as a place in [`AccessTrace::streams`].
    pub stream: u32,
    /// What: the trace's own number, or, where keys are words, the place of the word among all words of the trace.
    pub key: u64,
    /// Length of the extent in keys, at least 1.
    pub blocks: u32,
    /// What it did, where that is known.
    pub op: Option<AccessOp>,
}

/// All accesses of a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessTrace {
    /// The names of the streams by first appearance.
    pub streams: Vec<String>,
    /// Whether keys are numbers, so that neighbours mean something.
    pub numbered: bool,
    /// In the file's order.
    pub accesses: Vec<Access>,
}

/// Reads a whole trace.
///
/// # Errors
/// When the file cannot be opened, and at the first line that is not as promised.
pub fn read_access(path: &Path) -> Result<AccessTrace, TraceError> {
    let mut lines = Lines::open(path, HEADER)?;
    let mut streams = Names::default();
    let mut words = Names::default();
    let mut numbered = true;
    let mut accesses: Vec<Access> = Vec::new();
    while let Some(row) = lines.next_row()? {
        let (access, number) = parse(&row, &mut streams, &mut words)?;
        numbered &= number.is_some();
        accesses.push(access);
    }
    if numbered {
        let numbers: Vec<u64> = words.list.iter().map(|word| word.parse().unwrap_or(0)).collect();
        accesses.iter_mut().for_each(|access| access.key = numbers[access.key as usize]);
    }
    Ok(AccessTrace { streams: streams.list, numbered, accesses })
}

/// Names and their places.
#[derive(Default)]
struct Names {
    places: BTreeMap<String, u32>,
    list: Vec<String>,
}

impl Names {
    fn place(&mut self, name: &str) -> u32 {
        if let Some(&place) = self.places.get(name) {
            return place;
        }
        let place = self.list.len() as u32;
        self.places.insert(name.to_owned(), place);
        self.list.push(name.to_owned());
        place
    }
}

/// An access whose key is the word's place, and the key as a number where it is one.
fn parse(row: &Row<'_>, streams: &mut Names, words: &mut Names) -> Result<(Access, Option<u64>), TraceError> {
    let [_, at, stream, key, blocks, op] = row.cells()?;
    for (field, cell) in [("stream", stream), ("key", key)] {
        if cell.is_empty() {
            return Err(row.wrong(field, "is empty, expected a name".to_owned()));
        }
    }
    let blocks = match blocks.parse::<u32>() {
        Ok(blocks) if blocks > 0 => blocks,
        _ if blocks.is_empty() => 1,
        _ => return Err(row.wrong("blocks", format!("\"{}\" is not a whole number above 0", shortened(blocks)))),
    };
    let op = match op {
        "" => None,
        "r" => Some(AccessOp::Read),
        "w" => Some(AccessOp::Write),
        "x" => Some(AccessOp::Run),
        _ => return Err(row.wrong("op", format!("\"{}\" is not r, w, x or empty", shortened(op)))),
    };
    let number = key.parse::<u64>().ok().filter(|number| number.to_string() == key);
    let access =
        Access { at_s: row.number("t_s", at)?, stream: streams.place(stream), key: u64::from(words.place(key)), blocks, op };
    Ok((access, number))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(rows: &str) -> Result<AccessTrace, TraceError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(format!("{HEADER}\n{rows}\n").as_bytes()).unwrap();
        read_access(file.path())
    }

    #[test]
    fn reads_numbers_as_they_are_and_words_by_first_appearance() {
        let blocks = read("0,1.5,d,700,8,r\n1,,e,3,,\n2,,d,708,8,w").unwrap();
        assert_eq!((blocks.streams.as_slice(), blocks.numbered), (["d".to_owned(), "e".to_owned()].as_slice(), true));
        let first = Access { at_s: Some(1.5), stream: 0, key: 700, blocks: 8, op: Some(AccessOp::Read) };
        assert_eq!(blocks.accesses[0], first);
        assert_eq!((blocks.accesses[1].blocks, blocks.accesses[1].op, blocks.accesses[2].key), (1, None, 708));

        let words = read("0,,u,ls,1,x\n1,,u,7,1,x\n2,,u,ls,1,x").unwrap();
        assert!(!words.numbered);
        assert_eq!(words.accesses.iter().map(|access| access.key).collect::<Vec<_>>(), [0, 1, 0]);
        // A number with a leading zero is a word: it would not come back as it was.
        assert!(!read("0,,u,007,1,x").unwrap().numbered);
    }

    #[test]
    fn refuses_what_is_not_promised() {
        for (row, field) in [
            ("0,,,1,1,", "stream"),
            ("0,,s,,1,", "key"),
            ("0,,s,1,0,", "blocks"),
            ("0,,s,1,1,q", "op"),
            ("0,x,s,1,1,", "t_s"),
        ] {
            let error = read(row).unwrap_err();
            assert!(matches!(error, TraceError::Field { field: found, line: 2, .. } if found == field), "{row}: {error}");
        }
    }
}
