//! Amounts of memory in parameters, such as `2GB`.

use flowrun_sdk::{Parameter, ParameterKind, Value};

/// Units and their size in bytes. `GB` is 2³⁰ bytes, the same as `GiB`.
const UNITS: [(&str, u64); 9] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1 << 10),
    ("mb", 1 << 20),
    ("gb", 1 << 30),
    ("tb", 1 << 40),
    ("b", 1),
];

/// An amount of memory: `2GB`, `512 MiB`, or a number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteSize(u64);

impl ByteSize {
    pub(crate) fn bytes(self) -> u64 {
        self.0
    }

    fn parse_text(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let (number, unit) = UNITS
            .iter()
            .find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)))
            .unwrap_or((&text, 1));
        let number: f64 = number.trim().parse().ok()?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "positive, and below 2⁵³, up to which integers are exact"
        )]
        let bytes = (number * unit as f64) as u64;
        (number.is_finite() && number > 0.0 && bytes < 1 << 53).then_some(Self(bytes))
    }
}

impl Parameter for ByteSize {
    const KIND: ParameterKind = ParameterKind::Other("an amount of memory such as `2GB` or `512MB`");

    fn parse(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Self::parse_text(text),
            value => Some(Self(value.as_u64().filter(|bytes| *bytes > 0)?)),
        }
    }

    fn to_value(&self) -> Value {
        self.0.into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn amounts_are_parsed_with_and_without_units() {
        for (value, bytes) in [
            (json!("2GB"), 2 << 30),
            (json!("512 MiB"), 512 << 20),
            (json!("1.5gb"), 3 << 29),
            (json!("64k"), 0),
            (json!(4096), 4096),
            (json!("4096"), 4096),
            (json!("-1GB"), 0),
            (json!("lots"), 0),
            (json!(0), 0),
            (json!("1e30GB"), 0),
        ] {
            assert_eq!(ByteSize::parse(&value).map_or(0, ByteSize::bytes), bytes, "{value}");
        }
    }
}
