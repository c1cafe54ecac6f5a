//! Converts trees to JSON values, for content that flowrun only passes on, such as an executor's `with:`.

use serde_json::{Map, Number, Value as Json};

use super::node::{Node, Scalar, Value};

/// YAML schema: selects which plain scalars are numbers and booleans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// YAML 1.2, for Jina 0.x: only `true` and `false` are booleans.
    Yaml12,
    /// YAML 1.1 as PyYAML reads it, for Jina 2 and 3: `yes` and `no` are booleans, `014` is octal.
    Yaml11,
}

impl Node {
    /// The tree as a JSON value. Keys that are lists are joined by commas.
    #[must_use]
    pub fn to_json(&self, schema: Schema) -> Json {
        self.convert(&|scalar| scalar.to_json(schema))
    }

    /// Like [`Node::to_json`], but with expressions as written, so that it contains no secrets.
    #[must_use]
    pub fn to_written_json(&self, schema: Schema) -> Json {
        self.convert(&|scalar| match scalar.text == scalar.written {
            true => scalar.to_json(schema),
            false => Json::from(scalar.written.as_str()),
        })
    }

    fn convert(&self, scalar_to_json: &dyn Fn(&Scalar) -> Json) -> Json {
        match &self.value {
            Value::Scalar(scalar) if self.tag.as_ref().is_some_and(|tag| tag.value == "str") => {
                scalar_to_json(&Scalar { plain: false, ..scalar.clone() })
            }
            Value::Scalar(scalar) => scalar_to_json(scalar),
            Value::Sequence(items) => items.iter().map(|item| item.convert(scalar_to_json)).collect(),
            Value::Mapping(mapping) => {
                let entry = |(key, value): (&Node, &Node)| (key.key_text(), value.convert(scalar_to_json));
                Json::Object(mapping.iter().map(entry).collect::<Map<_, _>>())
            }
        }
    }

    /// The text of a key; a list of keys is joined by commas.
    #[must_use]
    pub fn key_text(&self) -> String {
        match &self.value {
            Value::Scalar(scalar) => scalar.text.clone(),
            Value::Sequence(items) => items.iter().map(Self::key_text).collect::<Vec<_>>().join(","),
            Value::Mapping(_) => String::new(),
        }
    }
}

impl Scalar {
    fn to_json(&self, schema: Schema) -> Json {
        let text = self.text.as_str();
        if !self.plain {
            return Json::from(text);
        }
        if matches!(text, "" | "~" | "null" | "Null" | "NULL") {
            return Json::Null;
        }
        if let Some(boolean) = boolean(text, schema) {
            return Json::Bool(boolean);
        }
        let integer = || integer(text, schema).map(Number::from);
        integer().or_else(|| float(text)).map_or_else(|| Json::from(text), Json::Number)
    }
}

/// The boolean of a plain scalar.
fn boolean(text: &str, schema: Schema) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        "yes" | "Yes" | "YES" if schema == Schema::Yaml11 => Some(true),
        "no" | "No" | "NO" if schema == Schema::Yaml11 => Some(false),
        _ => None,
    }
}

/// The integer of a plain scalar.
fn integer(text: &str, schema: Schema) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (if text.starts_with('-') { -1 } else { 1 }, digits),
        None => (1, text),
    };
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let magnitude = match (digits.get(..2), schema) {
        (Some("0x"), _) => i64::from_str_radix(digits.get(2..)?, 16).ok()?,
        (Some("0o"), Schema::Yaml12) => i64::from_str_radix(digits.get(2..)?, 8).ok()?,
        (Some("0b"), Schema::Yaml11) => i64::from_str_radix(digits.get(2..)?, 2).ok()?,
        (Some(two), Schema::Yaml11) if two.starts_with('0') && !digits.contains(['.', 'e', 'E']) => {
            i64::from_str_radix(digits, 8).ok()?
        }
        (_, Schema::Yaml11) => digits.replace('_', "").parse().ok()?,
        _ => digits.parse().ok()?,
    };
    Some(sign * magnitude)
}

/// The finite float of a plain scalar; infinities and NaN have no JSON form and stay text.
fn float(text: &str) -> Option<Number> {
    let numeric = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    let digits = text.bytes().any(|byte| byte.is_ascii_digit());
    if !digits || !text.bytes().all(numeric) {
        return None;
    }
    Number::from_f64(text.parse().ok()?)
}
