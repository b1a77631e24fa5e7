//! Fingerprints: what makes two failures the same failure, so that ten thousand dead letters are told
//! as the three things that are wrong. Computed where the error text is, in the task that reports an
//! attempt; the core itself only ever sees the eight bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::hash::Hash;
use crate::ids::Incarnation;
use crate::names::AgentName;

/// How many bytes of a folded message count. What differs behind them is the same failure.
const MESSAGE_LEN_MAX: usize = 1_024;

/// Groups failures: those of one agent, of one kind, whose messages say the same but for the numbers in
/// them, have the same fingerprint on a board.
///
/// It has no salt of its own, since it must be the same for every activation, and so who can read the log
/// can try out whether an error had a text that they can guess. It is keyed with the board's incarnation,
/// so that nothing can be looked up that was worked out once for all boards, and short.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub [u8; 8]);

impl Fingerprint {
    /// The fingerprint of a failure of an agent: of this kind, with this message. Part of the stored
    /// format, since folding a log computes those that no attempt gave.
    #[must_use]
    pub fn of(board: Incarnation, agent: &AgentName, kind: &str, message: &str) -> Self {
        let folded = folded(message);
        let mut end = folded.len().min(MESSAGE_LEN_MAX);
        while !folded.is_char_boundary(end) {
            end -= 1;
        }
        // Names and kinds hold no zero byte, so no part can be taken for a piece of the next.
        let parts: [&[u8]; 7] = [
            b"artel fingerprint ",
            board.as_bytes(),
            agent.as_str().as_bytes(),
            b"\0",
            kind.as_bytes(),
            b"\0",
            &folded.as_bytes()[..end],
        ];
        let Hash(hash) = Hash::of_parts(&parts);
        let mut short = [0; 8];
        short.copy_from_slice(&hash[..8]);
        Self(short)
    }
}

/// A message with the numbers and ids in it folded into `#`: words of digits, UUIDs, words of
/// hexadecimal digits with a digit among them; of other words, the digits.
#[must_use]
pub fn folded(message: &str) -> String {
    let mut folded = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(first) = rest.chars().next() {
        if !first.is_ascii_alphanumeric() {
            folded.push(first);
            rest = &rest[first.len_utf8()..];
        } else if is_uuid(rest) {
            folded.push('#');
            rest = &rest[UUID_LEN..];
        } else {
            let end = rest.bytes().position(|byte| !byte.is_ascii_alphanumeric());
            let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
            fold_word(word, &mut folded);
            rest = after;
        }
    }
    folded
}

const UUID_LEN: usize = 36;

/// Whether a text begins with a UUID.
fn is_uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= UUID_LEN
        && bytes[..UUID_LEN].iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
        && bytes.get(UUID_LEN).is_none_or(|byte| !byte.is_ascii_alphanumeric())
}

fn fold_word(word: &str, folded: &mut String) {
    let digits = word.bytes().any(|byte| byte.is_ascii_digit());
    if digits && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        folded.push('#');
        return;
    }
    let mut in_digits = false;
    for letter in word.chars() {
        let digit = letter.is_ascii_digit();
        if !digit {
            folded.push(letter);
        } else if !in_digits {
            folded.push('#');
        }
        in_digits = digit;
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// A text that is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 16 hexadecimal digits, as `artel dlq groups` shows them")]
pub struct NotAFingerprint;

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 16 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotAFingerprint);
        }
        let number = u64::from_str_radix(text, 16).map_err(|_| NotAFingerprint)?;
        Ok(Self(number.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(board: u8, agent: &str, kind: &str, message: &str) -> Fingerprint {
        let board = Incarnation::from_bytes([board; 16]);
        Fingerprint::of(board, &AgentName::new(agent).unwrap(), kind, message)
    }

    /// DEAD-1: numbers and ids of every form are folded, and words are left alone.
    #[test]
    fn numbers_are_folded_and_words_are_not() {
        for (message, expected) in [
            ("no answer from the registry", "no answer from the registry"),
            ("order 17 of 200", "order # of #"),
            ("took 1.5s, limit 30s", "took #.#s, limit #s"),
            ("artifact 0193f2a0-7c1e-7000-8000-00000000000a is gone", "artifact # is gone"),
            ("artifact abcdefab-cdef-abcd-efab-cdefabcdefab is gone", "artifact # is gone"),
            ("at 0x7f3a, sha256 9f86d081884c7d65", "at #x#f#a, sha# #"),
            ("a dead face was added", "a dead face was added"),
            ("größe 7 ≠ 8", "größe # ≠ #"),
            ("http2 10.0.0.7:8080", "http# #.#.#.#:#"),
        ] {
            assert_eq!(folded(message), expected, "{message}");
        }
    }

    /// DEAD-1: agent, kind, what the message says and the board tell failures apart; numbers do not.
    #[test]
    fn failures_are_told_apart_by_what_went_wrong() {
        let one = of(1, "judge", "transient", "order 17 is locked");
        assert_eq!(one, of(1, "judge", "transient", "order 9 is locked"));
        for other in [
            of(2, "judge", "transient", "order 17 is locked"),
            of(1, "judged", "transient", "order 17 is locked"),
            of(1, "judge", "permanent", "order 17 is locked"),
            of(1, "judge", "transient", "order 17 is lost"),
            of(1, "judget", "ransient", "order 17 is locked"),
        ] {
            assert_ne!(one, other);
        }
        let long = |tail: &str| "ä".repeat(700) + tail;
        assert_eq!(of(1, "a", "b", &long("x")), of(1, "a", "b", &long("y")));
    }

    #[test]
    fn a_fingerprint_reads_as_it_is_shown() {
        let one = of(1, "judge", "transient", "");
        assert_eq!(one.to_string().parse(), Ok(one));
        for wrong in ["", "12", "+123456789abcdef", "0123456789abcdefg"] {
            assert_eq!(wrong.parse::<Fingerprint>(), Err(NotAFingerprint), "{wrong}");
        }
    }
}
