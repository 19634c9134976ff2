//! Text on the stack: what is written to a knob, so that the path of an action allocates nothing.

use std::fmt;

/// The longest text that a knob is given: two 20-digit figures, a device number and keywords fit three times over.
const CAPACITY: usize = 128;

/// A short text.
#[derive(Clone, Copy)]
pub(crate) struct Line {
    bytes: [u8; CAPACITY],
    length: usize,
}

impl Line {
    /// Formats `arguments`.
    ///
    /// # Panics
    /// When the text is longer than 128 bytes, which no knob's text is.
    pub(crate) fn new(arguments: fmt::Arguments<'_>) -> Line {
        let mut line = Line { bytes: [0; CAPACITY], length: 0 };
        fmt::write(&mut line, arguments).expect("a knob's text fits into a line");
        line
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).expect("a line is made of whole strings")
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}
