//! Lines and cells of a CSV file without quoting, plain or gzip, with one buffer for all lines.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::{MAX_LINE_BYTES, TraceError};

const BUFFER_BYTES: usize = 1 << 18;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads one line after the other.
pub(super) struct Lines {
    path: PathBuf,
    line: u64,
    input: Box<dyn BufRead + Send>,
    buffer: Vec<u8>,
}

/// One row: its cells are cut at commas.
pub(super) struct Row<'a> {
    path: &'a Path,
    line: u64,
    text: &'a str,
}

impl Lines {
    /// Opens `path` and checks that the first line is `header`.
    #[expect(clippy::disallowed_methods, reason = "this module is the crate's one reader of files")]
    pub fn open(path: &Path, header: &'static str) -> Result<Lines, TraceError> {
        let failed = |source| TraceError::Open { path: path.to_owned(), source };
        let mut plain = BufReader::with_capacity(BUFFER_BYTES, File::open(path).map_err(failed)?);
        let gzip = plain.fill_buf().map_err(failed)?.starts_with(&GZIP_MAGIC);
        let input: Box<dyn BufRead + Send> = if gzip {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(plain)))
        } else {
            Box::new(plain)
        };
        let mut lines = Lines { path: path.to_owned(), line: 0, input, buffer: Vec::new() };
        let found = lines.next_row()?.map(|row| row.text.to_owned()).unwrap_or_default();
        if found != header {
            let found = found.chars().take(200).collect();
            return Err(TraceError::Header { path: path.to_owned(), found, expected: header });
        }
        Ok(lines)
    }

    /// The next line, or `None` at the end. A last line without a line feed counts.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, TraceError> {
        self.line += 1;
        self.buffer.clear();
        let read = (&mut self.input).take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut self.buffer);
        let bytes = read.map_err(|source| TraceError::Read { path: self.path.clone(), line: self.line, source })? as u64;
        if bytes == 0 {
            return Ok(None);
        }
        if bytes > MAX_LINE_BYTES {
            return Err(TraceError::TooLong { path: self.path.clone(), line: self.line });
        }
        while matches!(self.buffer.last(), Some(b'\n' | b'\r')) {
            self.buffer.pop();
        }
        let text = std::str::from_utf8(&self.buffer).map_err(|error| TraceError::Read {
            path: self.path.clone(),
            line: self.line,
            source: std::io::Error::new(std::io::ErrorKind::InvalidData, error),
        })?;
        Ok(Some(Row { path: &self.path, line: self.line, text }))
    }
}

impl<'a> Row<'a> {
    /// The `N` cells of the row.
    pub fn cells<const N: usize>(&self) -> Result<[&'a str; N], TraceError> {
        let mut cells = [""; N];
        let mut found = 0;
        for cell in self.text.split(',') {
            if let Some(place) = cells.get_mut(found) {
                *place = cell;
            }
            found += 1;
        }
        if found != N {
            return Err(TraceError::Cells { path: self.path.to_owned(), line: self.line, found, expected: N });
        }
        Ok(cells)
    }

    /// An error about one field of this row.
    pub fn wrong(&self, field: &'static str, problem: String) -> TraceError {
        TraceError::Field { path: self.path.to_owned(), line: self.line, field, problem }
    }

    /// A finite number, or `None` where the cell is empty (unknown).
    pub fn number(&self, field: &'static str, cell: &str) -> Result<Option<f64>, TraceError> {
        if cell.is_empty() {
            return Ok(None);
        }
        match cell.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(self.wrong(field, format!("\"{}\" is not a number", shortened(cell)))),
        }
    }
}

/// At most 40 characters of `text`, for messages.
pub(super) fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}
