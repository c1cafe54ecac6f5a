//! Numbers in plain scalars, in the notations of both YAML schemas and of Python.
//!
//! PyYAML reads a plain scalar by YAML 1.1 first. Jina then reads every remaining string with Python's `int()` and
//! `float()`: so `010` is 8, `08` is 8, and `1e3` is a float. Text of a variable is read by the second step only.

use super::schema::Schema;

/// A number of a scalar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    /// An integer that fits in 128 bits.
    Integer(i128),
    /// An integer beyond 128 bits.
    HugeInteger,
    /// A float, which may be infinite or NaN.
    Float(f64),
}

/// The number that a plain scalar with this text denotes in a file; `None` for other texts.
pub(super) fn in_file(text: &str, schema: Schema) -> Option<Number> {
    match schema {
        Schema::Yaml11 => {
            // PyYAML reads the words `nan` and `inf` as strings: only `.nan` and `.inf` are numbers.
            let python =
                || from_python(text).filter(|_| text.contains(|letter: char| letter.is_ascii_digit()));
            integer_1_1(text).or_else(|| float_1_1(text)).or_else(python)
        }
        Schema::Yaml12 => integer_1_2(text).or_else(|| float_1_2(text)),
    }
}

/// The number that Python's `int()` or `float()` reads in `text`.
pub(super) fn from_python(text: &str) -> Option<Number> {
    let text = text.trim();
    let digits = without_separators(text)?;
    if digits.is_empty() || !digits.is_ascii() {
        return None;
    }
    let (_, magnitude) = signed(&digits);
    if magnitude.bytes().all(|byte| byte.is_ascii_digit()) && !magnitude.is_empty() {
        return Some(integer(&digits, 10));
    }
    digits.parse().ok().map(Number::Float)
}

/// Integers as PyYAML's resolver matches them: binary, octal with a leading 0, decimal, hexadecimal and base 60.
pub(super) fn integer_1_1(text: &str) -> Option<Number> {
    let (sign, digits) = signed(text);
    let with_radix = |digits: &str, radix| {
        let all = digits.chars().all(|digit| digit == '_' || digit.is_digit(radix));
        let plain = digits.replace('_', "");
        (all && !plain.is_empty()).then(|| integer(&format!("{sign}{plain}"), radix))
    };
    match digits.as_bytes() {
        [b'0', b'b', ..] => with_radix(digits.get(2..)?, 2),
        [b'0', b'x', ..] => with_radix(digits.get(2..)?, 16),
        [b'0', ..] => with_radix(digits, 8),
        [b'1'..=b'9', ..] if digits.contains(':') => match base_60(digits)? {
            (whole, None) if sign == "-" => Some(Number::Integer(-whole)),
            (whole, None) => Some(Number::Integer(whole)),
            _ => None,
        },
        [b'1'..=b'9', ..] => with_radix(digits, 10),
        _ => None,
    }
}

/// Floats as PyYAML's resolver matches them: with a point, in base 60, infinities and NaN.
pub(super) fn float_1_1(text: &str) -> Option<Number> {
    if let Some(special) = special_float(text) {
        return Some(special);
    }
    let (sign, digits) = signed(text);
    if digits.contains(':') {
        let (whole, fraction) = base_60(digits)?;
        #[expect(clippy::cast_precision_loss, reason = "the value is a float")]
        let value = whole as f64 + fraction?;
        return Some(Number::Float(if sign == "-" { -value } else { value }));
    }
    let (mantissa, _) = digits.split_once(['e', 'E']).unwrap_or((digits, ""));
    let starts_with_digit =
        mantissa.strip_prefix('.').unwrap_or(mantissa).starts_with(|c: char| c.is_ascii_digit());
    let is_mantissa = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'_');
    if !starts_with_digit || !mantissa.contains('.') || !mantissa.bytes().all(is_mantissa) {
        return None;
    }
    let exponent = digits.get(mantissa.len()..)?;
    format!("{sign}{}{exponent}", mantissa.replace('_', "")).parse().ok().map(Number::Float)
}

/// Integers of the core schema of YAML 1.2.
fn integer_1_2(text: &str) -> Option<Number> {
    let (sign, digits) = signed(text);
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'x', ..] => (digits.get(2..)?, 16),
        [b'0', b'o', ..] => (digits.get(2..)?, 8),
        _ => (digits, 10),
    };
    let all = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    all.then(|| integer(&format!("{sign}{digits}"), radix))
}

/// Floats of the core schema of YAML 1.2.
fn float_1_2(text: &str) -> Option<Number> {
    let numeric = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    let digits = text.bytes().any(|byte| byte.is_ascii_digit());
    let float = || (digits && text.bytes().all(numeric)).then(|| text.parse().ok()).flatten();
    special_float(text).or_else(|| float().map(Number::Float))
}

/// `.inf` and `.nan`.
fn special_float(text: &str) -> Option<Number> {
    let (sign, word) = signed(text);
    match word {
        ".inf" | ".Inf" | ".INF" if sign == "-" => Some(Number::Float(f64::NEG_INFINITY)),
        ".inf" | ".Inf" | ".INF" => Some(Number::Float(f64::INFINITY)),
        ".nan" | ".NaN" | ".NAN" if sign.is_empty() => Some(Number::Float(f64::NAN)),
        _ => None,
    }
}

/// The sign of `text` as Rust parses it (empty or `-`), and the rest.
fn signed(text: &str) -> (&'static str, &str) {
    match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    }
}

/// The integer in `digits`, which has digits of `radix` only.
fn integer(digits: &str, radix: u32) -> Number {
    i128::from_str_radix(digits, radix).map_or(Number::HugeInteger, Number::Integer)
}

/// `text` without the underscores between its digits; `None` if it has others.
fn without_separators(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_digit = |position: Option<usize>| {
        position.and_then(|position| bytes.get(position)).is_some_and(u8::is_ascii_digit)
    };
    let separates =
        |(position, _): (usize, &str)| is_digit(position.checked_sub(1)) && is_digit(Some(position + 1));
    text.match_indices('_').all(separates).then(|| text.replace('_', ""))
}

/// A number in base 60, such as `1:30` or `1:30.5`: the integer, and the fraction if there is a point.
fn base_60(text: &str) -> Option<(i128, Option<f64>)> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => {
            let digits = fraction.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
            let fraction =
                digits.then(|| format!("0.{}0", fraction.replace('_', "")).parse().ok()).flatten()?;
            (whole, Some(fraction))
        }
        None => (text, None),
    };
    let mut groups = whole.split(':');
    let first = groups.next()?.replace('_', "");
    let mut value: i128 = first.parse().ok()?;
    for group in groups {
        let next = group
            .parse::<u8>()
            .ok()
            .filter(|next| *next < 60 && group.len() <= 2 && !group.starts_with('+'))?;
        value = value.checked_mul(60)?.checked_add(next.into())?;
    }
    Some((value, fraction))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_1_1_numbers_are_those_of_jina() {
        for (text, expected) in [
            ("08", 8),
            ("-08", -8),
            ("0_8", 8),
            ("010", 8),
            ("007", 7),
            ("0_7", 7),
            ("-0", 0),
            ("+5", 5),
            ("0x_1F", 31),
            ("-0x1F", -31),
            ("-0b1_1", -3),
            ("1_000", 1000),
            ("1__0", 10),
            ("1_", 1),
            ("1:30", 90),
            ("-1:30", -90),
            ("1:30:15", 5415),
            ("18446744073709551615", 18_446_744_073_709_551_615),
        ] {
            assert_eq!(in_file(text, Schema::Yaml11), Some(Number::Integer(expected)), "{text}");
        }
        for (text, expected) in [
            ("1_000.5", 1000.5),
            ("1._5", 1.5),
            ("1.", 1.0),
            ("-.5", -0.5),
            ("1e3", 1000.0),
            ("12e7", 120_000_000.0),
            ("1.5E-3", 0.0015),
            ("1:30.5", 90.5),
            ("08.5", 8.5),
            (".inf", f64::INFINITY),
            ("-.INF", f64::NEG_INFINITY),
            ("1e400", f64::INFINITY),
        ] {
            assert_eq!(in_file(text, Schema::Yaml11), Some(Number::Float(expected)), "{text}");
        }
        assert!(matches!(in_file(".NaN", Schema::Yaml11), Some(Number::Float(value)) if value.is_nan()));
        for text in [
            "0X1F", "0o17", "0:30", "1:75", "8080:80", "_1", "._5", "1.2.3", "0x", "0b2", "+", ".", "1e",
            "nan",
        ] {
            assert_eq!(in_file(text, Schema::Yaml11), None, "{text}");
        }
        assert_eq!(in_file(&"9".repeat(40), Schema::Yaml11), Some(Number::HugeInteger));
    }

    #[test]
    fn python_reads_decimal_digits_only() {
        for (text, expected) in [
            ("0555", Some(Number::Integer(555))),
            (" 1_000 ", Some(Number::Integer(1000))),
            ("1e5", Some(Number::Float(100_000.0))),
            ("0x1F", None),
            ("1:30", None),
            ("yes", None),
            ("1_", None),
            ("", None),
        ] {
            assert_eq!(from_python(text), expected, "{text}");
        }
    }
}
