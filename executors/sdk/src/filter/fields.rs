//! Values of fields, as a filter sees them.

use serde_json::Value;

use super::tag_path::find_tag;
use crate::Tags;

/// Value of a field of the record that a filter is matched against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FieldValue<'a> {
    /// The field is missing or null.
    Missing,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(&'a str),
    /// A list. It passes a test if one of its items does; tests of length and existence apply to the list itself.
    List(&'a [Value]),
    /// A mapping or another collection, of this length.
    Collection(usize),
}

/// A record with named fields that a filter can be matched against.
pub trait FieldLookup {
    /// Returns the value of the field with that name or path.
    fn field(&self, name: &str) -> FieldValue<'_>;

    /// Returns `true` if the field exists.
    fn has_field(&self, name: &str) -> bool {
        self.field(name) != FieldValue::Missing
    }
}

/// Looks up tags with [`find_tag`].
impl FieldLookup for Tags {
    fn field(&self, name: &str) -> FieldValue<'_> {
        find_tag(self, name).map_or(FieldValue::Missing, FieldValue::from_json)
    }
}

impl<'a> FieldValue<'a> {
    /// Converts a JSON value.
    pub fn from_json(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Missing,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => number.as_f64().map_or(Self::Missing, Self::Number),
            Value::String(text) => Self::Text(text),
            Value::Array(items) => Self::List(items),
            Value::Object(entries) => Self::Collection(entries.len()),
        }
    }
}
