//! Values that fields are compared with.

use std::cmp::Ordering;

use serde_json::Value;

use super::fields::FieldValue;

/// A boolean, a number or a text; values of different types are ordered in this sequence.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// A boolean, false before true.
    Bool(bool),
    /// A number other than NaN.
    Number(f64),
    /// A text, in the order of code points.
    Text(String),
}

impl Scalar {
    /// Converts a JSON value; `None` for null, lists and mappings.
    pub fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(Self::Bool(*value)),
            Value::Number(number) => number.as_f64().map(Self::Number),
            Value::String(text) => Some(Self::Text(text.clone())),
            _ => None,
        }
    }

    /// Orders a field relative to this value; `None` if their types differ.
    pub(super) fn compare_field(&self, field: FieldValue<'_>) -> Option<Ordering> {
        match (field, self) {
            (FieldValue::Bool(field), Self::Bool(value)) => Some(field.cmp(value)),
            (FieldValue::Number(field), Self::Number(number)) => field.partial_cmp(number),
            (FieldValue::Text(field), Self::Text(text)) => Some(field.cmp(text.as_str())),
            _ => None,
        }
    }

    /// Orders two values of any types.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            // Adding zero makes the two zeros equal.
            (Self::Number(a), Self::Number(b)) => (a + 0.0).total_cmp(&(b + 0.0)),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => self.type_rank().cmp(&other.type_rank()),
        }
    }

    fn type_rank(&self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::Number(_) => 1,
            Self::Text(_) => 2,
        }
    }
}
