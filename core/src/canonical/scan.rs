//! Finds values in a canonical text without building a tree: predicates look at a field or two of
//! a payload, and keys that ascend let the search stop early.
//!
//! Only canonical text may be given. Any other bytes give a wrong answer or [`NotCanonical`],
//! never a panic.

/// The bytes are not canonical JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the payload is not canonical JSON")]
pub struct NotCanonical;

/// The value under a key of an object; none when it is not there or `object` is no object.
///
/// # Errors
/// When the bytes are not canonical JSON.
pub fn entry<'t>(object: &'t [u8], key: &str) -> Result<Option<&'t [u8]>, NotCanonical> {
    let Some(mut rest) = object.strip_prefix(b"{") else { return Ok(None) };
    while rest.first() == Some(&b'"') {
        let key_len = value_len(rest).ok_or(NotCanonical)?;
        let (found, behind) = rest.split_at(key_len);
        let value = behind.strip_prefix(b":").ok_or(NotCanonical)?;
        match compare_key(found, key)? {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal => {
                let len = value_len(value).ok_or(NotCanonical)?;
                return Ok(Some(&value[..len]));
            }
            std::cmp::Ordering::Greater => return Ok(None),
        }
        let len = value_len(value).ok_or(NotCanonical)?;
        rest = &value[len..];
        rest = rest.strip_prefix(b",").unwrap_or(rest);
    }
    Ok(None)
}

/// The elements of a list, in order; none when `list` is no list.
#[must_use]
pub fn elements(list: &[u8]) -> Elements<'_> {
    Elements { rest: list.strip_prefix(b"[").unwrap_or_default() }
}

/// The elements of a list that have not been looked at.
#[derive(Clone, Debug)]
pub struct Elements<'t> {
    rest: &'t [u8],
}

impl<'t> Iterator for Elements<'t> {
    type Item = Result<&'t [u8], NotCanonical>;

    fn next(&mut self) -> Option<Self::Item> {
        if matches!(self.rest, [] | [b']', ..]) {
            return None;
        }
        let Some(len) = value_len(self.rest) else {
            self.rest = &[];
            return Some(Err(NotCanonical));
        };
        let (value, behind) = self.rest.split_at(len);
        self.rest = behind.strip_prefix(b",").unwrap_or(behind);
        Some(Ok(value))
    }
}

/// The entries of an object, keys and values, in order; none when `object` is no object.
pub fn entries(object: &[u8]) -> impl Iterator<Item = Result<(&[u8], &[u8]), NotCanonical>> {
    let mut rest = object.strip_prefix(b"{").unwrap_or_default();
    let mut next = move || {
        let (key, behind) = rest.split_at_checked(value_len(rest)?)?;
        let value = behind.strip_prefix(b":")?;
        let (value, behind) = value.split_at_checked(value_len(value)?)?;
        rest = behind.strip_prefix(b",").unwrap_or(behind);
        Some(((key, value), rest.first() == Some(&b'"')))
    };
    let mut more = object.get(1) == Some(&b'"');
    std::iter::from_fn(move || {
        if !std::mem::take(&mut more) {
            return None;
        }
        let Some((entry, another)) = next() else { return Some(Err(NotCanonical)) };
        more = another;
        Some(Ok(entry))
    })
}

/// The text of a string, its quotes and escapes taken off.
///
/// # Errors
/// When the bytes are not a canonical string.
pub fn text(string: &[u8]) -> Result<std::borrow::Cow<'_, str>, NotCanonical> {
    let inner = string
        .strip_prefix(b"\"")
        .and_then(|inner| inner.strip_suffix(b"\""))
        .ok_or(NotCanonical)?;
    if inner.contains(&b'\\') {
        return serde_json::from_slice(string).map_err(|_| NotCanonical);
    }
    std::str::from_utf8(inner).map(Into::into).map_err(|_| NotCanonical)
}

fn compare_key(found: &[u8], key: &str) -> Result<std::cmp::Ordering, NotCanonical> {
    let inner = found.get(1..found.len() - 1).ok_or(NotCanonical)?;
    if inner.contains(&b'\\') {
        let decoded: String = serde_json::from_slice(found).map_err(|_| NotCanonical)?;
        return Ok(decoded.as_str().cmp(key));
    }
    Ok(inner.cmp(key.as_bytes()))
}

/// How long the value is that the bytes begin with.
fn value_len(bytes: &[u8]) -> Option<usize> {
    match bytes.first()? {
        b'"' => string_len(bytes),
        b'{' | b'[' => {
            let mut depth = 0_usize;
            let mut at = 0;
            loop {
                match bytes.get(at)? {
                    b'"' => at += string_len(&bytes[at..])?,
                    b'{' | b'[' => {
                        depth += 1;
                        at += 1;
                    }
                    b'}' | b']' => {
                        depth -= 1;
                        at += 1;
                        if depth == 0 {
                            return Some(at);
                        }
                    }
                    _ => at += 1,
                }
            }
        }
        _ => {
            let len = bytes.iter().position(|byte| matches!(byte, b',' | b'}' | b']'));
            Some(len.unwrap_or(bytes.len())).filter(|&len| len > 0)
        }
    }
}

fn string_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}
