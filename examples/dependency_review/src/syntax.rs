//! What one Rust file is like: lines, and how often its code says `unsafe`.
//!
//! Called by `sources` for every file, off the async threads. The compiler's own lexer tells code
//! from comments and strings. A file that ends inside a comment, a literal or a pair of brackets,
//! or whose brackets do not match, cannot have been compiled: it is damaged, and counting on would
//! give a number that means nothing.

use ra_ap_rustc_lexer::{FrontmatterAllowed, LiteralKind, TokenKind, strip_shebang, tokenize};

/// The numbers of one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Measures {
    /// How many lines it has.
    pub(crate) lines: u64,
    /// How often the keyword `unsafe` stands in its code.
    pub(crate) unsafe_count: u64,
}

/// Why a file cannot be Rust that was ever compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damage {
    /// A comment or a literal goes on past the end.
    #[error("the file ends inside the {what} that begins in line {line}")]
    Unfinished {
        /// What goes on.
        what: &'static str,
        /// Where it begins.
        line: usize,
    },
    /// A bracket is never closed.
    #[error("the file ends inside the `{open}` of line {line}")]
    Open {
        /// The bracket.
        open: char,
        /// Where it stands.
        line: usize,
    },
    /// A closing bracket does not belong to the last one that was opened.
    #[error("the `{close}` in line {line} closes nothing")]
    Stray {
        /// The bracket.
        close: char,
        /// Where it stands.
        line: usize,
    },
}

/// Measures the text of a Rust file.
///
/// # Errors
/// When the file is damaged.
pub(crate) fn measure(text: &str) -> Result<Measures, Damage> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut at = strip_shebang(text).unwrap_or(0);
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut unsafe_count = 0;
    for token in tokenize(&text[at..], FrontmatterAllowed::Yes) {
        let end = at + token.len as usize;
        match token.kind {
            TokenKind::Ident if &text[at..end] == "unsafe" => unsafe_count += 1,
            TokenKind::OpenParen => open.push((')', at)),
            TokenKind::OpenBracket => open.push((']', at)),
            TokenKind::OpenBrace => open.push(('}', at)),
            TokenKind::CloseParen | TokenKind::CloseBracket | TokenKind::CloseBrace => {
                let close = text[at..].chars().next();
                if open.pop().map(|(expected, _)| expected) != close {
                    let line = line_of(text, at);
                    return Err(Damage::Stray { close: close.unwrap_or_default(), line });
                }
            }
            kind => {
                if let Some(what) = unfinished(kind) {
                    return Err(Damage::Unfinished { what, line: line_of(text, at) });
                }
            }
        }
        at = end;
    }
    if let Some((_, at)) = open.pop() {
        let open = text[at..].chars().next().unwrap_or_default();
        return Err(Damage::Open { open, line: line_of(text, at) });
    }
    Ok(Measures { lines: text.lines().count() as u64, unsafe_count })
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// What the token is, if it has no end.
fn unfinished(kind: TokenKind) -> Option<&'static str> {
    let (what, finished) = match kind {
        TokenKind::BlockComment { terminated, .. } => ("comment", terminated),
        TokenKind::Literal { kind, .. } => match kind {
            LiteralKind::Int { .. } | LiteralKind::Float { .. } => return None,
            LiteralKind::Char { terminated } | LiteralKind::Byte { terminated } => {
                ("character", terminated)
            }
            LiteralKind::Str { terminated }
            | LiteralKind::ByteStr { terminated }
            | LiteralKind::CStr { terminated } => ("string", terminated),
            LiteralKind::RawStr { n_hashes }
            | LiteralKind::RawByteStr { n_hashes }
            | LiteralKind::RawCStr { n_hashes } => ("raw string", n_hashes.is_some()),
        },
        _ => return None,
    };
    (!finished).then_some(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unsafe_count(text: &str) -> u64 {
        measure(text).unwrap().unsafe_count
    }

    #[test]
    fn only_the_keyword_in_code_counts() {
        assert_eq!(unsafe_count("unsafe fn f() { unsafe { g() } }"), 2);
        assert_eq!(unsafe_count("// unsafe\n/* unsafe /* unsafe */ unsafe */ fn f() {}"), 0);
        assert_eq!(unsafe_count(r####"const S: &str = r##"unsafe "# { "##; // unsafe"####), 0);
        assert_eq!(unsafe_count(r#"f("\"unsafe", b"unsafe", c"unsafe", '"', b'\'')"#), 0);
        assert_eq!(unsafe_count("#![forbid(unsafe_code)] fn unsafely(r#unsafe: u8) {}"), 0);
        assert_eq!(unsafe_count("#[unsafe(no_mangle)] fn f<'a>(x: &'a u8) {}"), 1);
    }

    #[test]
    fn lines_are_counted_with_or_without_a_last_line_end() {
        assert_eq!(measure("").unwrap().lines, 0);
        assert_eq!(measure("fn f() {}\n\nfn g() {}").unwrap().lines, 3);
        assert_eq!(measure("fn f() {}\n\nfn g() {}\n").unwrap().lines, 3);
    }

    #[test]
    fn what_may_stand_before_the_code_is_no_damage() {
        assert!(measure("#!/usr/bin/env -S cargo '\nfn main() {}").is_ok());
        assert!(measure("\u{feff}#![no_std]\nfn f() {}").is_ok());
        assert!(measure("#![no_std]\nfn f() {}").is_ok());
    }

    #[test]
    fn a_file_that_ends_too_early_is_damaged() {
        let damage = |text: &str| measure(text).unwrap_err().to_string();
        assert_eq!(
            damage("fn f() {}\n/* begun"),
            "the file ends inside the comment that begins in line 2"
        );
        assert_eq!(
            damage("const S: &str = \"begun"),
            "the file ends inside the string that begins in line 1"
        );
        assert_eq!(
            damage("\n\nconst S: &str = r#\"begun\""),
            "the file ends inside the raw string that begins in line 3"
        );
        assert_eq!(
            damage("mod m {\n    fn f() {\n    }\n"),
            "the file ends inside the `{` of line 1"
        );
    }

    #[test]
    fn brackets_that_do_not_match_are_damage() {
        assert_eq!(
            measure("fn f() {\n  g(]\n}").unwrap_err(),
            Damage::Stray { close: ']', line: 2 }
        );
        assert_eq!(measure("}").unwrap_err(), Damage::Stray { close: '}', line: 1 });
    }

    #[test]
    fn every_proper_prefix_of_a_block_is_damaged() {
        let text = "mod m { /* a */ fn f() -> &'static str { \"b\" } }";
        for end in 7..text.len() {
            assert!(measure(&text[..end]).is_err(), "{}", &text[..end]);
        }
        assert!(measure(text).is_ok());
    }
}
