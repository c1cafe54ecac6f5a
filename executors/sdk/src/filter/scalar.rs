//! A value that tags and filters are compared by.

use std::cmp::Ordering;

use serde_json::Value;

use super::FieldValue;

/// A truth value, a number or a text. Where values of several types are put in order, they come in this one.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// False before true.
    Bool(bool),
    /// Never what is not a number.
    Number(f64),
    /// In the order of code points.
    Text(String),
}

impl Scalar {
    /// The value, when it is one that can be compared.
    pub fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(truth) => Some(Self::Bool(*truth)),
            Value::Number(number) => number.as_f64().map(Self::Number),
            Value::String(text) => Some(Self::Text(text.clone())),
            _ => None,
        }
    }

    /// How what was found stands to this value; `None` when it is of another type.
    pub(super) fn compare_found(&self, found: FieldValue<'_>) -> Option<Ordering> {
        match (found, self) {
            (FieldValue::Bool(found), Self::Bool(truth)) => Some(found.cmp(truth)),
            (FieldValue::Number(found), Self::Number(number)) => found.partial_cmp(number),
            (FieldValue::Text(found), Self::Text(text)) => Some(found.cmp(text.as_str())),
            _ => None,
        }
    }

    /// The order of values of any types.
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            // Zero has a sign that nobody means.
            (Self::Number(a), Self::Number(b)) => (a + 0.0).total_cmp(&(b + 0.0)),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::Number(_) => 1,
            Self::Text(_) => 2,
        }
    }
}
