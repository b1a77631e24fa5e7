//! The text as it grows: literals, numbers, escaped strings, and objects whose entries are put in
//! order when they are closed. Both ways into the canonical form write through this.

use std::cmp::Ordering;

use smallvec::SmallVec;

use super::error::{Error, Refusal, head};
use super::number;
use crate::policy::limits::NESTING_MAX;

/// A canonical text that is being written.
#[derive(Debug)]
pub(super) struct Writer<'o> {
    out: &'o mut Vec<u8>,
    /// Where this text begins in `out`.
    base: usize,
    len_max: usize,
    depth: usize,
    /// The entries of all objects that are open, the innermost last.
    entries: SmallVec<[Entry; 16]>,
}

/// Where an entry of an open object stands in the text.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The quote that opens the key.
    start: usize,
    /// Behind the quote that closes the key.
    key_end: usize,
    /// Behind the value; known when the next entry begins or the object ends.
    end: usize,
    /// Whether the key has escapes, so that its bytes here are not in the key's own order.
    escaped: bool,
}

/// An object that is open.
#[derive(Debug)]
pub(super) struct Object {
    /// Behind the opening brace.
    start: usize,
    first_entry: usize,
    /// Whether the keys ascended so far, each above the one before.
    ascending: bool,
}

/// An array that is open.
#[derive(Debug, Default)]
pub(super) struct List {
    /// How many elements have begun.
    len: usize,
}

impl<'o> Writer<'o> {
    pub(super) fn new(out: &'o mut Vec<u8>, len_max: usize) -> Self {
        let base = out.len();
        Self { out, base, len_max, depth: 0, entries: SmallVec::new() }
    }

    /// The text is complete.
    pub(super) fn finish(self) -> Result<(), Error> {
        self.room(0)
    }

    fn room(&self, more: usize) -> Result<(), Error> {
        let len_min = self.out.len() - self.base + more;
        if len_min > self.len_max {
            return Err(Error::new(Refusal::TooLong { len_min, len_max: self.len_max }));
        }
        Ok(())
    }

    fn open(&mut self, bracket: u8) -> Result<(), Error> {
        if self.depth == NESTING_MAX {
            return Err(Error::new(Refusal::TooDeep { nesting_max: NESTING_MAX }));
        }
        self.depth += 1;
        self.room(2)?;
        self.out.push(bracket);
        Ok(())
    }

    pub(super) fn literal(&mut self, text: &'static str) -> Result<(), Error> {
        self.room(text.len())?;
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    /// An integer of any type that has a JSON text of its own.
    pub(super) fn integer(&mut self, value: impl serde::Serialize) -> Result<(), Error> {
        serde_json::to_writer(&mut *self.out, &value).expect("a number can be written to a Vec");
        self.room(0)
    }

    pub(super) fn float(&mut self, value: f64) -> Result<(), Error> {
        const I64_MIN: f64 = -9_223_372_036_854_775_808.0;
        const U64_END: f64 = 18_446_744_073_709_551_616.0;
        if !value.is_finite() {
            return Err(Error::new(Refusal::Number { text: value.to_string() }));
        }
        if value.fract() == 0.0 && (I64_MIN..U64_END).contains(&value) {
            // Exact both ways: the value is integral and within the type.
            return if value < 0.0 {
                self.integer(value as i64)
            } else {
                self.integer(value as u64)
            };
        }
        number::push_float(self.out, value);
        self.room(0)
    }

    /// A string, in quotes. Says whether anything had to be escaped.
    pub(super) fn text(&mut self, text: &str) -> Result<bool, Error> {
        self.out.push(b'"');
        let escaped = self.text_part(text)?;
        self.out.push(b'"');
        Ok(escaped)
    }

    /// A piece of a string whose quotes the caller writes.
    pub(super) fn text_part(&mut self, text: &str) -> Result<bool, Error> {
        // The quote before it is there, the one after it is not.
        self.room(text.len() + 1)?;
        let mut rest = text.as_bytes();
        let mut escaped = false;
        loop {
            let plain = plain_len(rest);
            self.out.extend_from_slice(&rest[..plain]);
            let Some(&byte) = rest.get(plain) else { break };
            if byte == 0 {
                return Err(Error::new(Refusal::Nul { head: head(text) }));
            }
            escape(self.out, byte);
            escaped = true;
            rest = &rest[plain + 1..];
        }
        if escaped {
            self.room(0)?;
        }
        Ok(escaped)
    }

    /// A quote that opens or closes a string written in pieces.
    pub(super) fn quote(&mut self) {
        self.out.push(b'"');
    }

    fn key_bytes(&self, entry: Entry) -> &[u8] {
        &self.out[entry.start + 1..entry.key_end - 1]
    }

    fn compare_keys(&self, left: Entry, right: Entry) -> Ordering {
        if left.escaped || right.escaped {
            return self.key_text(left).cmp(&self.key_text(right));
        }
        self.key_bytes(left).cmp(self.key_bytes(right))
    }

    fn key_text(&self, entry: Entry) -> String {
        serde_json::from_slice(&self.out[entry.start..entry.key_end])
            .expect("a key that was written can be read")
    }
}

impl List {
    pub(super) fn open(writer: &mut Writer<'_>) -> Result<Self, Error> {
        writer.open(b'[')?;
        Ok(Self::default())
    }

    /// The next element begins. Gives its index, for an error.
    pub(super) fn element(&mut self, writer: &mut Writer<'_>) -> usize {
        if self.len > 0 {
            writer.out.push(b',');
        }
        self.len += 1;
        self.len - 1
    }

    pub(super) fn close(self, writer: &mut Writer<'_>) {
        writer.out.push(b']');
        writer.depth -= 1;
    }
}

impl Object {
    pub(super) fn open(writer: &mut Writer<'_>) -> Result<Self, Error> {
        writer.open(b'{')?;
        let (start, first_entry) = (writer.out.len(), writer.entries.len());
        Ok(Self { start, first_entry, ascending: true })
    }

    /// The next entry begins with this key; its value follows.
    pub(super) fn key(&mut self, writer: &mut Writer<'_>, key: &str) -> Result<(), Error> {
        let start = self.begin_entry(writer);
        let escaped = writer.text(key)?;
        self.end_key(writer, start, escaped);
        Ok(())
    }

    /// The comma before a further entry. Gives the place where its key begins.
    fn begin_entry(&self, writer: &mut Writer<'_>) -> usize {
        if let Some(last) = writer.entries[self.first_entry..].last_mut() {
            last.end = writer.out.len();
            writer.out.push(b',');
        }
        writer.out.len()
    }

    fn end_key(&mut self, writer: &mut Writer<'_>, start: usize, escaped: bool) {
        let key_end = writer.out.len();
        writer.out.push(b':');
        let entry = Entry { start, key_end, end: key_end, escaped };
        if let Some(&last) = writer.entries[self.first_entry..].last() {
            self.ascending &= writer.compare_keys(last, entry) == Ordering::Less;
        }
        writer.entries.push(entry);
    }

    /// The key of the entry whose value is being written, counted from the first: for an error.
    pub(super) fn key_of_entry(&self, writer: &Writer<'_>, index: usize) -> String {
        writer.key_text(writer.entries[self.first_entry + index])
    }

    /// Puts the entries in order, if they were not written in order.
    pub(super) fn close(self, writer: &mut Writer<'_>) -> Result<(), Error> {
        if !self.ascending {
            self.sort(writer)?;
        }
        writer.entries.truncate(self.first_entry);
        writer.out.push(b'}');
        writer.depth -= 1;
        Ok(())
    }

    #[cold]
    fn repeated(writer: &Writer<'_>, entry: Entry) -> Error {
        let key = writer.key_text(entry);
        Error::new(Refusal::RepeatedKey { key: head(&key) })
    }

    fn sort(&self, writer: &mut Writer<'_>) -> Result<(), Error> {
        let end = writer.out.len();
        let mut entries: SmallVec<[Entry; 16]> =
            SmallVec::from_slice(&writer.entries[self.first_entry..]);
        if let Some(last) = entries.last_mut() {
            last.end = end;
        }
        entries.sort_unstable_by(|left, right| writer.compare_keys(*left, *right));
        for pair in entries.windows(2) {
            if writer.compare_keys(pair[0], pair[1]) == Ordering::Equal {
                return Err(Self::repeated(writer, pair[0]));
            }
        }
        // The ordered copy is made behind the object and then moved over it.
        writer.out.reserve(end - self.start);
        for (index, entry) in entries.iter().enumerate() {
            if index > 0 {
                writer.out.push(b',');
            }
            writer.out.extend_from_within(entry.start..entry.end);
        }
        writer.out.copy_within(end.., self.start);
        writer.out.truncate(end);
        Ok(())
    }
}

/// How many bytes from the start need no escape. Whole chunks at a time, which the compiler turns
/// into vector instructions.
fn plain_len(bytes: &[u8]) -> usize {
    const CHUNK: usize = 32;
    let needs_escape = |&byte: &u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    let mut len = 0;
    for chunk in bytes.chunks(CHUNK) {
        if chunk.iter().fold(false, |found, byte| found | needs_escape(byte)) {
            return len + chunk.iter().position(needs_escape).unwrap_or(chunk.len());
        }
        len += chunk.len();
    }
    len
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0xf)]];
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&digits);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}
