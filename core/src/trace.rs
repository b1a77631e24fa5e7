//! Trace contexts: where work belongs in a distributed trace that began outside of the board. They
//! travel with artifacts; nothing here makes one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A W3C trace context, as far as it has to travel with an artifact.
///
/// Reads and prints the header `traceparent` of the W3C recommendation "Trace Context":
/// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceContext {
    /// The trace, 16 bytes.
    pub trace_id: [u8; 16],
    /// The span that caused this, 8 bytes.
    pub span_id: [u8; 8],
    /// The trace flags.
    pub flags: u8,
}

/// A text that is no `traceparent`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no traceparent: {why}; give VERSION-TRACE-SPAN-FLAGS in lower-case hexadecimal digits"
)]
pub struct TraceError {
    /// What was given, cut to 80 characters.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl FromStr for TraceContext {
    type Err = TraceError;

    fn from_str(text: &str) -> Result<Self, TraceError> {
        parse(text).map_err(|why| TraceError { text: text.chars().take(80).collect(), why })
    }
}

fn parse(text: &str) -> Result<TraceContext, &'static str> {
    let mut parts = text.split('-');
    let [version] = hex(parts.next(), "the version has not 2 digits")?;
    let trace_id = hex(parts.next(), "the trace has not 32 digits")?;
    let span_id = hex(parts.next(), "the span has not 16 digits")?;
    let [flags] = hex(parts.next(), "the flags have not 2 digits")?;
    if version == u8::MAX {
        return Err("version ff does not exist");
    }
    // Later versions may have more parts, which are not for us.
    if version == 0 && parts.next().is_some() {
        return Err("version 00 has four parts");
    }
    if trace_id == [0; 16] || span_id == [0; 8] {
        return Err("a trace or span of zeros is none");
    }
    Ok(TraceContext { trace_id, span_id, flags })
}

fn hex<const N: usize>(part: Option<&str>, why: &'static str) -> Result<[u8; N], &'static str> {
    let digits = part.unwrap_or_default().as_bytes();
    if digits.len() != 2 * N {
        return Err(why);
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(bytes)
}

const fn digit(character: u8) -> Result<u8, &'static str> {
    match character {
        b'0'..=b'9' => Ok(character - b'0'),
        b'a'..=b'f' => Ok(character - b'a' + 10),
        _ => Err("a character is no lower-case hexadecimal digit"),
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span) = (u128::from_be_bytes(self.trace_id), u64::from_be_bytes(self.span_id));
        write!(f, "00-{trace:032x}-{span:016x}-{:02x}", self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_and_printed() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace: TraceContext = text.parse().unwrap();
        assert_eq!((trace.trace_id[0], trace.span_id[7], trace.flags), (0x4b, 0xb7, 1));
        assert_eq!(trace.to_string(), text);
    }

    #[test]
    fn a_later_version_may_have_more_parts() {
        let text = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes";
        assert!(text.parse::<TraceContext>().is_ok());
    }

    #[test]
    fn what_is_no_traceparent_is_refused_and_named() {
        for (text, why) in [
            ("", "the version has not 2 digits"),
            ("00-4bf9-00f067aa0ba902b7-01", "the trace has not 32 digits"),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-01", "the span has not 16 digits"),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", "the flags have not 2 digits"),
            ("00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "a character is no"),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", "of zeros is none"),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", "of zeros is none"),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "ff does not exist"),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x", "has four parts"),
        ] {
            let error = text.parse::<TraceContext>().unwrap_err();
            assert!(error.why.contains(why), "{text}: {error}");
            assert!(error.to_string().contains(text), "{error}");
        }
    }
}
