//! One Rust file, taken apart just far enough for tidy: what is code, what is comment, what is
//! inside a string, which parts are tests, where functions begin and end.
//!
//! This is a scanner, not a parser. It relies on the tree being formatted by rustfmt, and on the
//! compiler refusing whatever is not Rust; what needs types is left to clippy.

use std::ops::Range;

/// A Rust file in three layers. Each layer has the length of the text, with blanks where the text
/// belongs to another layer, so that an offset means the same place in all of them.
#[derive(Debug)]
pub(crate) struct Source {
    /// Everything but comments and the insides of strings.
    pub(crate) code: String,
    /// Comments only, their slashes included.
    pub(crate) comments: String,
    /// The insides of strings only.
    pub(crate) strings: String,
    /// Items under `#[cfg(test)]`, attribute included.
    pub(crate) tests: Vec<Range<usize>>,
    /// Names of the files that are test modules of this one: `#[cfg(test)] mod name;`.
    pub(crate) test_modules: Vec<String>,
    /// All functions, in order; also those without a body.
    pub(crate) functions: Vec<Function>,
}

/// A function, as far as tidy cares.
#[derive(Debug)]
pub(crate) struct Function {
    /// What it is called.
    pub(crate) name: String,
    /// Where its comments and attributes begin.
    pub(crate) start: usize,
    /// Where its `fn` stands.
    pub(crate) at: usize,
    /// From the opening to the closing brace; none where only the signature is declared.
    pub(crate) body: Option<Range<usize>>,
    /// Attributes and qualifiers before `fn`.
    pub(crate) header: String,
    /// From the name to the body.
    pub(crate) signature: String,
}

impl Function {
    /// Whether a test runner calls it.
    pub(crate) fn is_test(&self) -> bool {
        ["#[test]", "::test]", "::test(", "#[rstest"].iter().any(|mark| self.header.contains(mark))
    }

    /// Whether it is a test under tokio's paused clock.
    pub(crate) fn is_paused(&self) -> bool {
        self.header.contains("start_paused = true")
    }

    /// Everything that belongs to it, its comments and attributes included.
    pub(crate) fn span(&self) -> Range<usize> {
        self.start..self.body.as_ref().map_or(self.at, |body| body.end)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Layer {
    Code,
    Comment,
    String,
}

impl Source {
    pub(crate) fn new(text: &str) -> Self {
        let layers = layers(text);
        let pick = |layer: Layer| -> String {
            let keep = |(&byte, &of): (&u8, &Layer)| {
                if byte == b'\n' || of == layer { byte } else { b' ' }
            };
            let bytes = text.as_bytes().iter().zip(&layers).map(keep).collect();
            String::from_utf8(bytes).expect("a layer holds whole characters or blanks")
        };
        let mut source = Self {
            code: pick(Layer::Code),
            comments: pick(Layer::Comment),
            strings: pick(Layer::String),
            tests: Vec::new(),
            test_modules: Vec::new(),
            functions: Vec::new(),
        };
        source.find_tests();
        source.functions = functions(&source.code);
        source
    }

    /// Whether the offset lies in an item under `#[cfg(test)]`.
    pub(crate) fn in_test(&self, at: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&at))
    }

    /// The innermost function around an offset.
    pub(crate) fn function_at(&self, at: usize) -> Option<&Function> {
        self.functions.iter().rfind(|function| function.span().contains(&at))
    }

    /// Where `token` stands in the code, as a whole: `sleep` is not in `sleep_until`.
    pub(crate) fn find<'a>(&'a self, token: &'a str) -> impl Iterator<Item = usize> + 'a {
        find_token(&self.code, token)
    }

    fn find_tests(&mut self) {
        let code = self.code.as_bytes();
        let mut from = 0;
        while let Some(found) = self.code[from..].find("#[cfg(") {
            let start = from + found;
            let attribute_end = closing(code, start + 1).map_or(code.len(), |at| at + 1);
            from = attribute_end;
            let condition = &self.code[start..attribute_end];
            if condition.contains("not(test)") || find_token(condition, "test").next().is_none() {
                continue;
            }
            let item = skip_attributes(&self.code, attribute_end);
            let end = item_end(code, item);
            let head = self.code[item..end].trim_end_matches(';');
            let name = head.trim_start_matches("pub(crate) ").strip_prefix("mod ");
            if let Some(name) = name.filter(|name| !name.contains('{')) {
                self.test_modules.push(name.trim().to_owned());
            }
            self.tests.push(start..end);
            from = end;
        }
    }
}

/// The line of an offset, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() + 1
}

/// Where `token` stands in `text` as a whole word or path.
pub(crate) fn find_token<'a>(text: &'a str, token: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = text.as_bytes();
    let starts_word = token.as_bytes().first().copied().is_some_and(is_word);
    let ends_word = token.as_bytes().last().copied().is_some_and(is_word);
    text.match_indices(token).map(|(at, _)| at).filter(move |&at| {
        let before = at.checked_sub(1).map(|at| bytes[at]);
        let after = bytes.get(at + token.len()).copied();
        !(starts_word && before.is_some_and(is_word) || ends_word && after.is_some_and(is_word))
    })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Says for every byte which layer it belongs to.
fn layers(text: &str) -> Vec<Layer> {
    let bytes = text.as_bytes();
    let mut layers = vec![Layer::Code; bytes.len()];
    let mut at = 0;
    while at < bytes.len() {
        let (layer, inside, end) = token(bytes, at);
        layers[inside].fill(layer);
        at = end;
    }
    layers
}

/// The token at an offset: its layer, the bytes that belong to that layer, and where it ends.
fn token(bytes: &[u8], at: usize) -> (Layer, Range<usize>, usize) {
    let rest = &bytes[at..];
    if rest.starts_with(b"//") {
        let end = at + rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        return (Layer::Comment, at..end, end);
    }
    if rest.starts_with(b"/*") {
        let end = block_comment_end(bytes, at);
        return (Layer::Comment, at..end, end);
    }
    if let Some((inside, end)) = raw_string(bytes, at) {
        return (Layer::String, inside, end);
    }
    match rest[0] {
        b'"' => {
            let end = quoted_end(bytes, at + 1, b'"');
            (Layer::String, at + 1..end.saturating_sub(1).max(at + 1), end)
        }
        b'\'' if is_char(rest) => {
            let end = quoted_end(bytes, at + 1, b'\'');
            (Layer::String, at + 1..end.saturating_sub(1).max(at + 1), end)
        }
        _ => (Layer::Code, at..at + 1, at + 1),
    }
}

fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at
}

/// The inside and the end of a raw string that begins here, if one does.
fn raw_string(bytes: &[u8], at: usize) -> Option<(Range<usize>, usize)> {
    if at > 0 && is_word(bytes[at - 1]) {
        return None;
    }
    let mut open = at + usize::from(matches!(bytes[at], b'b' | b'c'));
    if bytes.get(open) != Some(&b'r') {
        return None;
    }
    open += 1;
    let hashes = bytes[open..].iter().take_while(|&&byte| byte == b'#').count();
    open += hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    open += 1;
    let mut close = vec![b'"'];
    close.resize(hashes + 1, b'#');
    let len = bytes[open..].windows(close.len()).position(|window| window == close);
    let end = open + len.unwrap_or(bytes.len() - open);
    Some((open..end, (end + close.len()).min(bytes.len())))
}

/// One behind the closing quote.
fn quoted_end(bytes: &[u8], mut at: usize, quote: u8) -> usize {
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Tells a character from a lifetime.
fn is_char(rest: &[u8]) -> bool {
    match rest.get(1) {
        Some(b'\\') => true,
        Some(&first) => {
            let len = match first {
                0xf0.. => 4,
                0xe0.. => 3,
                0xc0.. => 2,
                _ => 1,
            };
            rest.get(1 + len) == Some(&b'\'')
        }
        None => false,
    }
}

/// Where the bracket that opens at `open` closes. All kinds of brackets nest.
pub(crate) fn closing(code: &[u8], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in code.iter().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// The first offset from `at` on that is neither blank nor in an attribute.
fn skip_attributes(code: &str, mut at: usize) -> usize {
    loop {
        at += code[at..].len() - code[at..].trim_start().len();
        if !code[at..].starts_with("#[") {
            return at;
        }
        at = closing(code.as_bytes(), at + 1).map_or(code.len(), |at| at + 1);
    }
}

/// One behind the item that begins at `at`: its semicolon or closing brace.
fn item_end(code: &[u8], at: usize) -> usize {
    match first_at_depth_0(code, at, |byte| matches!(byte, b';' | b'{')) {
        Some(end) if code[end] == b';' => end + 1,
        Some(open) => closing(code, open).map_or(code.len(), |at| at + 1),
        None => code.len(),
    }
}

/// The first byte from `at` on that is wanted and in no round or square bracket.
fn first_at_depth_0(code: &[u8], at: usize, wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, &byte) in code.iter().enumerate().skip(at) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            byte if depth == 0 && wanted(byte) => return Some(at),
            _ => {}
        }
    }
    None
}

fn functions(code: &str) -> Vec<Function> {
    let bytes = code.as_bytes();
    let mut functions = Vec::new();
    for at in find_token(code, "fn") {
        let rest = code[at + 2..].trim_start();
        let name: String = rest.bytes().take_while(|&byte| is_word(byte)).map(char::from).collect();
        if name.is_empty() {
            continue;
        }
        let start = bytes[..at].iter().rposition(|byte| matches!(byte, b';' | b'{' | b'}'));
        let start = start.map_or(0, |at| at + 1);
        let Some(end) = first_at_depth_0(bytes, at, |byte| matches!(byte, b';' | b'{')) else {
            continue;
        };
        let body = (bytes[end] == b'{')
            .then(|| end..closing(bytes, end).map_or(bytes.len(), |close| close + 1));
        let header = code[start..at].to_owned();
        let signature = code[code.len() - rest.len()..end].to_owned();
        functions.push(Function { name, start, at, body, header, signature });
    }
    functions
}
