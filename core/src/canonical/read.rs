//! From JSON that somebody else wrote to its canonical text. A reader of its own, because
//! `serde_json` turns an integer literal that is too large into a float without a word, and here
//! every refusal says where in the payload it stands. Strings with escapes are `serde_json`'s.

use std::borrow::Cow;

use super::error::{Error, Refusal, head};
use super::writer::{List, Object, Writer};

/// The canonical text of JSON that came from outside.
///
/// # Errors
/// When the bytes are not JSON, have no canonical form, or one longer than `len_max` bytes.
pub fn from_json(json: &[u8], len_max: usize) -> Result<Vec<u8>, Error> {
    let text = std::str::from_utf8(json)
        .map_err(|error| Error::new(Refusal::NotUtf8 { offset: error.valid_up_to() }))?;
    let mut out = Vec::with_capacity(json.len().min(len_max));
    let mut writer = Writer::new(&mut out, len_max);
    embed(text, &mut writer)?;
    writer.finish()?;
    Ok(out)
}

/// Writes a whole JSON text as one value of a larger one.
pub(super) fn embed(text: &str, writer: &mut Writer<'_>) -> Result<(), Error> {
    let mut reader = Reader { text, at: 0 };
    reader.value(writer)?;
    match reader.peek() {
        None => Ok(()),
        Some(_) => Err(reader.syntax("the value is over here")),
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        self.at += blank.count();
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn syntax(&self, problem: &'static str) -> Error {
        let before = &self.text.as_bytes()[..self.at];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        Error::new(Refusal::Syntax { line, column: self.at - start + 1, problem })
    }

    fn value(&mut self, writer: &mut Writer<'_>) -> Result<(), Error> {
        match self.peek() {
            Some(b'{') => self.object(writer),
            Some(b'[') => self.list(writer),
            Some(b'"') => writer.text(&self.string()?).map(drop),
            Some(b'-' | b'0'..=b'9') => self.number(writer),
            Some(b't') => self.word("true", writer),
            Some(b'f') => self.word("false", writer),
            Some(b'n') => self.word("null", writer),
            Some(_) => Err(self.syntax("a value was expected")),
            None => Err(self.syntax("the text ends where a value was expected")),
        }
    }

    fn word(&mut self, word: &'static str, writer: &mut Writer<'_>) -> Result<(), Error> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.syntax("a value was expected"));
        }
        self.at += word.len();
        writer.literal(word)
    }

    // An escaped U+0000, a key twice or a nested value: each error gets its place as it passes
    // outwards.
    fn object(&mut self, writer: &mut Writer<'_>) -> Result<(), Error> {
        self.at += 1;
        let mut object = Object::open(writer)?;
        if !self.eat(b'}') {
            loop {
                if self.peek() != Some(b'"') {
                    return Err(self.syntax("a key in quotes was expected"));
                }
                let key = self.string()?;
                object.key(writer, &key)?;
                if !self.eat(b':') {
                    return Err(self.syntax("a colon was expected").inside(&key));
                }
                self.value(writer).map_err(|error| error.inside(&key))?;
                if self.eat(b'}') {
                    break;
                }
                if !self.eat(b',') {
                    return Err(self.syntax("a comma or the end of the object was expected"));
                }
            }
        }
        object.close(writer)
    }

    fn list(&mut self, writer: &mut Writer<'_>) -> Result<(), Error> {
        self.at += 1;
        let mut list = List::open(writer)?;
        if !self.eat(b']') {
            loop {
                let index = list.element(writer);
                self.value(writer).map_err(|error| error.inside(index))?;
                if self.eat(b']') {
                    break;
                }
                if !self.eat(b',') {
                    return Err(self.syntax("a comma or the end of the list was expected"));
                }
            }
        }
        list.close(writer);
        Ok(())
    }

    /// The string that begins here, its quotes taken off and its escapes resolved.
    fn string(&mut self) -> Result<Cow<'t, str>, Error> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut escapes = false;
        let mut at = start + 1;
        loop {
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escapes = true;
                    at += 2;
                }
                Some(0..0x20) => {
                    self.at = at;
                    return Err(self.syntax("a control character must be escaped"));
                }
                Some(_) => at += 1,
                None => {
                    self.at = bytes.len();
                    return Err(self.syntax("the text ends inside a string"));
                }
            }
        }
        self.at = at + 1;
        if !escapes {
            return Ok(Cow::Borrowed(&self.text[start + 1..at]));
        }
        serde_json::from_str(&self.text[start..=at]).map(Cow::Owned).map_err(|_| {
            self.at = start;
            self.syntax("the string has an escape that JSON does not have")
        })
    }

    fn number(&mut self, writer: &mut Writer<'_>) -> Result<(), Error> {
        let rest = &self.text[self.at..];
        let (len, integral) =
            number_len(rest.as_bytes()).ok_or_else(|| self.syntax("a number was expected"))?;
        let text = &rest[..len];
        self.at += len;
        let refusal = || Error::new(Refusal::Number { text: head(text) });
        if !integral {
            let value = text.parse::<f64>().ok().filter(|value| value.is_finite());
            return writer.float(value.ok_or_else(refusal)?);
        }
        if let Ok(value) = text.parse::<i64>() {
            return writer.integer(value);
        }
        writer.integer(text.parse::<u64>().map_err(|_| refusal())?)
    }
}

/// How long the number is that the bytes begin with, and whether it is written as an integer.
fn number_len(bytes: &[u8]) -> Option<(usize, bool)> {
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || (whole > 1 && bytes[at] == b'0') {
        return None;
    }
    at += whole;
    let integer_end = at;
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = bytes.get(at + 1 + sign..).map_or(0, |_| digits(at + 1 + sign));
        if exponent == 0 {
            return None;
        }
        at += 1 + sign + exponent;
    }
    Some((at, at == integer_end))
}
