//! From text to tree: what bounds the parser, the parser, and what bounds what it read.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ::cel::common::ast::IdedExpr;
use ::cel::parser::{ParseErrors, PrattParser};

use super::lower::Lower;
use super::malformed::Malformed;
use super::tree::Node;
use super::{BRACKETS_MAX, DEPTH_MAX, MARKS_MAX, SOURCE_LEN_MAX};

/// Reads and checks an expression.
pub(super) fn compile(source: &str) -> Result<Node, Malformed> {
    check_text(source)?;
    let expression = parse(source)?.map_err(|errors| syntax(&errors))?;
    let mut lower = Lower::new(source);
    let node = lower.whole(&expression)?;
    if node.says_yes_or_no() == Some(false) {
        let problem = "it gives a value, not true or false".to_owned();
        let advice = "compare the value with something";
        return Err(lower.refused(&expression, problem, advice));
    }
    Ok(node)
}

/// Parses a text within the bounds; a panic of the parser is no more than a syntax that it cannot read.
fn parse(source: &str) -> Result<Result<IdedExpr, ParseErrors>, Malformed> {
    let depth = u16::try_from(DEPTH_MAX).unwrap_or(u16::MAX);
    let parser = PrattParser::new().max_recursion_depth(depth);
    catch_unwind(AssertUnwindSafe(|| parser.parse(source))).map_err(|_| Malformed::Panicked)
}

/// Where the part with this number begins, as a count of bytes. The parser tells where parts are only
/// when it complains, so it is given the text again with something to complain of.
pub(super) fn start_of(source: &str, part: u64) -> Option<usize> {
    let Ok(Err(errors)) = parse(&format!("{source}\n)")) else { return None };
    let places = errors.errors.into_iter().find_map(|error| error.source_info)?;
    let (start, _) = places.offset_for(part)?;
    usize::try_from(start).ok()
}

/// Bounds what the parser is given. Texts and comments are counted as the rest is: to tell them apart
/// would be to parse, and what is not quite a text must not hide anything.
fn check_text(source: &str) -> Result<(), Malformed> {
    if source.len() > SOURCE_LEN_MAX {
        return Err(Malformed::TooLong { len: source.len() });
    }
    let (mut marks, mut brackets) = (0, 0_usize);
    for (at, character) in source.char_indices() {
        match character {
            '(' | '[' | '{' => brackets += 1,
            ')' | ']' | '}' => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        if brackets > BRACKETS_MAX {
            let (line, column) = place(source, at);
            return Err(Malformed::TooManyBrackets { line, column });
        }
        marks += usize::from(character.is_ascii_punctuation() && !"_'\"`".contains(character));
    }
    if marks > MARKS_MAX {
        return Err(Malformed::TooManyMarks { marks });
    }
    Ok(())
}

/// The first thing that the parser complains of.
fn syntax(errors: &ParseErrors) -> Malformed {
    let Some(first) = errors.errors.first() else { return Malformed::Panicked };
    let from_one = |place: isize| usize::try_from(place).unwrap_or_default().max(1);
    let (line, column) = first.pos;
    let problem = first.msg.trim().trim_start_matches("Syntax error: ").replace('\n', " ");
    Malformed::Syntax { line: from_one(line), column: from_one(column), problem }
}

/// The line and column of a byte of a text, from 1.
pub(super) fn place(source: &str, at: usize) -> (usize, usize) {
    let before = source.get(..at).unwrap_or(source);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}
