//! The text of a number that is no integer.
//!
//! The digits are the fewest that give the same `f64` back, the nearest of those, the even one of
//! two equally near: what ECMAScript's `Number::toString` picks, and `serde_json` with it. (`std`
//! rounds ties up.) The layout is made here, because where `serde_json` begins to write exponents
//! and how has changed between its releases, and stored texts must not change.

use std::io::Write as _;

use smallvec::SmallVec;

/// From here on numbers that are not integers are written without an exponent.
const POSITIONAL_MIN: f64 = 0.000_001;

type Digits = SmallVec<[u8; 32]>;

fn shortest(value: impl serde::Serialize) -> Digits {
    let mut text = [0; 32];
    let mut rest = &mut text[..];
    serde_json::to_writer(&mut rest, &value).expect("a number has at most 24 characters");
    let len = 32 - rest.len();
    Digits::from_slice(&text[..len])
}

/// Appends a finite number that is no integer within `i64` or `u64`.
pub(super) fn push_float(out: &mut Vec<u8>, value: f64) {
    let text = shortest(value);
    let positional = value.fract() != 0.0 && value.abs() >= POSITIONAL_MIN;
    if positional && !text.contains(&b'e') {
        out.extend_from_slice(&text);
        return;
    }
    let (digits, exponent) = scientific(&text);
    if value < 0.0 {
        out.push(b'-');
    }
    if positional {
        // Below 1: from 1 on, serde_json writes a number with a fraction without an exponent.
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', usize::from((-1 - exponent).unsigned_abs())));
        out.extend_from_slice(&digits);
        return;
    }
    out.push(digits[0]);
    if digits.len() > 1 {
        out.push(b'.');
        out.extend_from_slice(&digits[1..]);
    }
    write!(out, "e{exponent}").expect("a number can be written to memory");
}

/// The significant digits of a number's text, and the power of ten of the first of them.
fn scientific(text: &[u8]) -> (Digits, i16) {
    let (mantissa, power) = match text.iter().position(|&byte| byte == b'e') {
        None => (text, 0),
        Some(at) => {
            let power = str::from_utf8(&text[at + 1..]).ok().and_then(|power| power.parse().ok());
            (&text[..at], power.expect("an exponent that was written can be read"))
        }
    };
    let mantissa = mantissa.strip_prefix(b"-").unwrap_or(mantissa);
    let whole = mantissa.iter().position(|&byte| byte == b'.').unwrap_or(mantissa.len());
    let digits = || mantissa.iter().copied().filter(|&byte| byte != b'.');
    let zeros = digits().take_while(|&byte| byte == b'0').count();
    let mut significant: Digits = digits().skip(zeros).collect();
    while significant.len() > 1 && significant.last() == Some(&b'0') {
        significant.pop();
    }
    let point = i16::try_from(whole).unwrap_or(i16::MAX) - i16::try_from(zeros).unwrap_or(i16::MAX);
    (significant, power + point - 1)
}

/// An `f32` is the number that its own shortest text names: 0.1f32 is 0.1, as everybody has it who
/// reads it as JSON, and not the `f64` nearest to its bits.
pub(super) fn widen(value: f32) -> f64 {
    if !value.is_finite() {
        return f64::from(value);
    }
    let text = shortest(value);
    let text = str::from_utf8(&text).expect("a number is ASCII");
    text.parse().expect("a number that was written can be read")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text_of(value: f64) -> String {
        let mut out = Vec::new();
        push_float(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    /// JSON-1: these texts are stored, and must be the same in every release.
    #[test]
    fn texts_of_numbers_never_change() {
        for (value, text) in [
            (0.5, "0.5"),
            (-0.1, "-0.1"),
            (1.0 / 3.0, "0.3333333333333333"),
            (123_456_789.000_125, "123456789.000125"),
            // Ties: the even digit.
            (2_251_799_813_685_249.0 / 4.0, "562949953421312.2"),
            (2_251_799_813_685_251.0 / 4.0, "562949953421312.8"),
            (0.000_001, "0.000001"),
            (-0.000_012_5, "-0.0000125"),
            (0.000_000_99, "9.9e-7"),
            (-9.536_743_164_062_5e-7, "-9.5367431640625e-7"),
            (5e-324, "5e-324"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (f64::MAX, "1.7976931348623157e308"),
            (18_446_744_073_709_551_616.0, "1.8446744073709552e19"),
            (-1e19, "-1e19"),
            (1e22, "1e22"),
            (1.5e300, "1.5e300"),
        ] {
            assert_eq!(text_of(value), text);
        }
    }

    #[test]
    fn a_small_float_is_what_its_text_says() {
        assert_eq!(widen(0.1).to_string(), "0.1");
        assert_eq!(widen(7_253_957.0 / 4.0).to_string(), "1813489.2");
        assert_eq!(widen(123_456_792.0).to_string(), "123456790");
        assert!(widen(f32::NAN).is_nan());
    }

    proptest! {
        /// JSON-1: the text gives the number back, and no shorter one would.
        #[test]
        fn the_text_is_the_number(value in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
            let text = text_of(value);
            prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
            let significant = |text: &str| {
                let mantissa = text.split('e').next().unwrap_or(text);
                mantissa.bytes().filter(u8::is_ascii_digit).count()
            };
            if text.contains('e') {
                prop_assert_eq!(significant(&text), significant(&format!("{value:e}")));
            }
        }
    }
}
