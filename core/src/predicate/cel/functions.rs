//! What expressions calculate. Integers are one kind, from `i64::MIN` to `u64::MAX`; one that meets a
//! fraction counts as a fraction, because JSON writes 3.0 as 3.

use std::borrow::Cow;

use super::evaluate::{Error, Run};
use super::tree::{Function, Operator};
use super::value::Value;
use crate::canonical::scan;

pub(super) fn negate(value: Value<'_>) -> Result<Value<'_>, Error> {
    match value {
        Value::Integer(value) => Value::integer(-value),
        Value::Fraction(value) => Ok(Value::Fraction(-value)),
        other => Err(Error::Kind { found: other.kind(), wanted: "`-` is asked of a number" }),
    }
}

pub(super) fn arithmetic<'a>(
    run: &mut Run<'_>,
    operator: Operator,
    left: Value<'a>,
    right: &Value<'a>,
) -> Result<Value<'a>, Error> {
    match (left, right) {
        (Value::Integer(left), Value::Integer(right)) => integers(operator, left, *right),
        (Value::Text(left), Value::Text(right)) if operator == Operator::Add => {
            run.work(left.len() + right.len())?;
            let joined = [&*left, &**right].concat();
            Ok(Value::Text(Cow::Owned(joined)))
        }
        (left, right) => match (as_fraction(&left), as_fraction(right)) {
            (Some(left), Some(right)) => fractions(operator, left, right),
            (of_left, _) => Err(Error::Kind {
                found: if of_left.is_none() { left.kind() } else { right.kind() },
                wanted: "calculations are made with numbers, and `+` also joins text with text",
            }),
        },
    }
}

fn as_fraction(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Integer(value) => Some(*value as f64),
        Value::Fraction(value) => Some(*value),
        _ => None,
    }
}

fn integers(operator: Operator, left: i128, right: i128) -> Result<Value<'static>, Error> {
    if right == 0 && matches!(operator, Operator::Divide | Operator::Remainder) {
        return Err(Error::Number { problem: "an integer is divided by zero" });
    }
    // Numbers of 64 bits: neither of these leaves 128 bits.
    Value::integer(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left.saturating_mul(right),
        Operator::Divide => left / right,
        Operator::Remainder => left % right,
    })
}

fn fractions(operator: Operator, left: f64, right: f64) -> Result<Value<'static>, Error> {
    Ok(Value::Fraction(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Remainder => {
            return Err(Error::Kind { found: "a fraction", wanted: "`%` is asked of integers" });
        }
    }))
}

pub(super) fn call(function: Function, argument: Value<'_>) -> Result<Value<'_>, Error> {
    match function {
        Function::Size => size(&argument),
        Function::Int | Function::Uint => integer(function, &argument),
        Function::Double => double(&argument),
        Function::String => string(argument),
    }
}

fn size(value: &Value<'_>) -> Result<Value<'static>, Error> {
    let counted = match value {
        Value::Text(text) => text.chars().count(),
        Value::List(values) => values.len(),
        Value::JsonList(text) => count(scan::elements(text))?,
        Value::JsonObject(text) => count(scan::entries(text))?,
        other => {
            let wanted = "`size` is asked of text, a list or an object";
            return Err(Error::Kind { found: other.kind(), wanted });
        }
    };
    Ok(Value::Integer(counted as i128))
}

fn count<T>(items: impl Iterator<Item = Result<T, scan::NotCanonical>>) -> Result<usize, Error> {
    let mut counted = 0;
    for item in items {
        item?;
        counted += 1;
    }
    Ok(counted)
}

fn integer(function: Function, value: &Value<'_>) -> Result<Value<'static>, Error> {
    let (range, problem) = if function == Function::Int {
        (i64::MIN.into()..=i64::MAX.into(), "`int` is given what is no integer of 64 bits")
    } else {
        (0..=u64::MAX.into(), "`uint` is given what is no integer of 64 bits without a sign")
    };
    let read = match value {
        Value::Integer(value) => Some(*value),
        // Towards zero; what is too large for 128 bits is too large for 64.
        Value::Fraction(value) if value.is_finite() => Some(*value as i128),
        Value::Fraction(_) => None,
        Value::Text(text) => text.parse().ok(),
        other => {
            let wanted = "`int` and `uint` take a number or text";
            return Err(Error::Kind { found: other.kind(), wanted });
        }
    };
    let read = read.filter(|read: &i128| range.contains(read));
    read.map(Value::Integer).ok_or(Error::Number { problem })
}

fn double(value: &Value<'_>) -> Result<Value<'static>, Error> {
    let read = match value {
        Value::Integer(value) => Some(*value as f64),
        Value::Fraction(value) => Some(*value),
        Value::Text(text) => text.parse().ok().filter(|value: &f64| value.is_finite()),
        other => {
            let wanted = "`double` takes a number or text";
            return Err(Error::Kind { found: other.kind(), wanted });
        }
    };
    let problem = "`double` is given a text that is no number";
    read.map(Value::Fraction).ok_or(Error::Number { problem })
}

fn string(value: Value<'_>) -> Result<Value<'_>, Error> {
    let text = match value {
        text @ Value::Text(_) => return Ok(text),
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Fraction(value) => value.to_string(),
        other => {
            let wanted = "`string` takes a number, text, true or false";
            return Err(Error::Kind { found: other.kind(), wanted });
        }
    };
    Ok(Value::Text(Cow::Owned(text)))
}
