//! Where answers are written: text for people, or one JSON document a line for programs.

use std::fmt::Write as _;
use std::io::{self, BufWriter, IsTerminal, Write};

use serde::Serialize;

use crate::config::Config;
use crate::table::Table;

/// The answer of a verb, on its way out.
pub(crate) struct Output {
    out: Box<dyn Write>,
    /// Answers are JSON.
    pub(crate) json: bool,
    color: bool,
    /// How wide the terminal is; none where there is none.
    width: Option<u16>,
}

/// How a word stands out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Paint {
    Bold,
    Red,
    Green,
    Yellow,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").field("json", &self.json).finish_non_exhaustive()
    }
}

impl Output {
    /// The standard output.
    pub(crate) fn standard(config: &Config) -> Self {
        let terminal = io::stdout().is_terminal();
        let size = terminal_size::terminal_size().filter(|_| terminal);
        Self {
            out: Box::new(BufWriter::new(io::stdout().lock())),
            json: config.json,
            color: config.color.out,
            width: size.map(|(width, _)| width.0),
        }
    }

    /// Writes a value as one line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, value)?;
        self.out.write_all(b"\n")
    }

    /// Writes a line of text, with what may not be shown made visible.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(clean_line(text).as_bytes())?;
        self.out.write_all(b"\n")
    }

    /// Writes a part of a line, which may stand out.
    pub(crate) fn part(&mut self, paint: Option<Paint>, text: &str) -> io::Result<()> {
        let text = clean_line(text);
        let text = paint.map_or_else(|| text.clone(), |paint| painted(self.color, paint, &text));
        self.out.write_all(text.as_bytes())
    }

    /// Writes lines of text, each behind so many blanks.
    pub(crate) fn block(&mut self, indent: usize, text: &str) -> io::Result<()> {
        for line in text.trim_end_matches('\n').split('\n') {
            writeln!(self.out, "{:indent$}{}", "", clean_line(line))?;
        }
        Ok(())
    }

    /// Writes a heading behind an empty line.
    pub(crate) fn heading(&mut self, text: &str) -> io::Result<()> {
        let text = painted(self.color, Paint::Bold, text);
        writeln!(self.out, "\n{text}")
    }

    /// Writes names and values, one pair a line.
    pub(crate) fn fields(&mut self, fields: &[(&str, String)]) -> io::Result<()> {
        let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 2;
        for (name, value) in fields {
            writeln!(self.out, "{name:width$}{}", clean_line(value))?;
        }
        Ok(())
    }

    /// Writes a table.
    pub(crate) fn table(&mut self, table: &Table) -> io::Result<()> {
        self.out.write_all(table.render(self.width).as_bytes())
    }

    /// Sends what was written on its way.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A word that stands out, where colours are wanted.
pub(crate) fn painted(color: bool, paint: Paint, word: &str) -> String {
    if !color {
        return word.to_owned();
    }
    let code = match paint {
        Paint::Bold => "1",
        Paint::Red => "1;31",
        Paint::Green => "32",
        Paint::Yellow => "33",
    };
    format!("\u{1b}[{code}m{word}\u{1b}[0m")
}

/// A text without what a terminal would obey: control characters are shown instead. Payloads, errors
/// and log lines come from anywhere.
pub(crate) fn clean_line(text: &str) -> String {
    if !text.chars().any(is_obeyed) {
        return text.to_owned();
    }
    let mut clean = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\t' => clean.push_str("    "),
            c if is_obeyed(c) => {
                let _ = write!(clean, "{}", c.escape_default());
            }
            c => clean.push(c),
        }
    }
    clean
}

/// Whether a terminal does something with a character other than show it: control characters, and
/// those that turn the direction of what follows, so that it reads as something else.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_no_text_from_a_board() {
        assert_eq!(clean_line("a\tb"), "a    b");
        assert_eq!(
            clean_line("red \u{1b}[31m, c1 \u{9b}2J, two\nlines"),
            "red \\u{1b}[31m, c1 \\u{9b}2J, two\\nlines"
        );
        let turned = "a\u{202e}b\u{2066}c\u{200f}\u{2028}ü";
        assert_eq!(clean_line(turned), "a\\u{202e}b\\u{2066}c\\u{200f}\\u{2028}ü");
    }

    #[test]
    fn words_stand_out_only_where_colours_are_wanted() {
        assert_eq!(painted(false, Paint::Red, "error:"), "error:");
        assert_eq!(painted(true, Paint::Red, "error:"), "\u{1b}[1;31merror:\u{1b}[0m");
    }
}
