//! Which documents are meant, told by their fields: a language that MongoDB made known, as AnnLite and docarray's first
//! version speak it.
//!
//! ```text
//! {"price": {"$gte": 5, "$lt": 10}}             every condition of a mapping must hold
//! {"price": 7, "colour": {"$in": ["red"]}}      a value alone means `$eq`
//! {"$or": [{"price": 7}, {"$not": {"sold": true}}]}
//! "price == 7 or not sold == true"              the same as an expression, see [`expression`]
//! ```
//!
//! A filter is parsed once. Documents are then judged without an error: a field that is missing, or of another type
//! than the value that it is compared with, is neither equal to it nor less nor greater. `$ne`, `$nin` and `$not` are
//! the exact opposite of what they deny, so that they hold for such a field. Numbers are compared in double precision,
//! which is what stored tags have.
//!
//! What differs from AnnLite: an `$or` beside other conditions is one more condition, not an alternative to them; a text
//! is an expression, where AnnLite took it for SQL. What differs from docarray: values of different types are unequal,
//! where Python has an error; what is compared is a value, never another field of the document.

mod document;
mod expression;
mod parse;
mod scalar;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use regex::Regex;
use serde_json::Value;

pub use document::DOCUMENT_FIELDS;
pub use parse::{FieldCheck, FilterError};
pub use scalar::Scalar;

use crate::Tags;

/// Which documents are meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Those that all of these mean; every document when there are none.
    All(Vec<Filter>),
    /// Those that any of these means.
    Any(Vec<Filter>),
    /// Those that this does not mean.
    Not(Box<Filter>),
    /// Those of which a field passes a test.
    Field {
        /// The name of the field, or the path to it.
        name: String,
        /// What it has to be.
        test: Predicate,
    },
}

/// What a field has to be.
#[derive(Clone, Debug)]
pub enum Predicate {
    /// In this relation to a value.
    Compare(Comparison, Scalar),
    /// Equal to one of these values.
    OneOf(Vec<Scalar>),
    /// A text in which the expression is found.
    Matches(Box<Regex>),
    /// As long as this: a text in characters, a list or a mapping in entries.
    Size(usize),
    /// There, or not.
    Exists(bool),
}

/// How a field stands to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// It is equal.
    Equal,
    /// It is less.
    Less,
    /// It is not greater.
    LessOrEqual,
    /// It is greater.
    Greater,
    /// It is not less.
    GreaterOrEqual,
}

/// What stands behind the name of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FieldValue<'a> {
    /// Nothing.
    Missing,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(&'a str),
    /// Something of so many entries.
    Collection(usize),
}

/// Something that has fields.
pub trait FieldLookup {
    /// What stands behind a name.
    fn field(&self, name: &str) -> FieldValue<'_>;

    /// Whether there is anything behind a name.
    fn has_field(&self, name: &str) -> bool {
        self.field(name) != FieldValue::Missing
    }
}

/// Tags by their names, as they are.
impl FieldLookup for Tags {
    fn field(&self, name: &str) -> FieldValue<'_> {
        self.get(name).map_or(FieldValue::Missing, FieldValue::from_json)
    }
}

impl<'a> FieldValue<'a> {
    /// What a JSON value is.
    pub fn from_json(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Missing,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Number(number) => number.as_f64().map_or(Self::Missing, Self::Number),
            Value::String(text) => Self::Text(text),
            Value::Array(items) => Self::Collection(items.len()),
            Value::Object(entries) => Self::Collection(entries.len()),
        }
    }
}

impl PartialEq for Predicate {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Compare(one, a), Self::Compare(other, b)) => one == other && a == b,
            (Self::OneOf(one), Self::OneOf(other)) => one == other,
            (Self::Matches(one), Self::Matches(other)) => one.as_str() == other.as_str(),
            (Self::Size(one), Self::Size(other)) => one == other,
            (Self::Exists(one), Self::Exists(other)) => one == other,
            _ => false,
        }
    }
}

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Filter {
    /// The filter that means every document.
    pub const MATCH_ALL: Self = Self::All(Vec::new());

    /// The names of the fields that it looks at.
    pub fn field_names(&self) -> Vec<&str> {
        match self {
            Self::All(filters) | Self::Any(filters) => filters.iter().flat_map(Self::field_names).collect(),
            Self::Not(filter) => filter.field_names(),
            Self::Field { name, .. } => vec![name],
        }
    }

    /// Whether what has these fields is meant.
    pub fn matches(&self, fields: &impl FieldLookup) -> bool {
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.matches(fields)),
            Self::Any(filters) => filters.iter().any(|filter| filter.matches(fields)),
            Self::Not(filter) => !filter.matches(fields),
            Self::Field { name, test: Predicate::Exists(expected) } => fields.has_field(name) == *expected,
            Self::Field { name, test } => test.matches(fields.field(name)),
        }
    }
}

impl Predicate {
    fn matches(&self, found: FieldValue<'_>) -> bool {
        match (self, found) {
            (Self::Compare(comparison, value), found) => {
                value.compare_found(found).is_some_and(|ordering| comparison.holds(ordering))
            }
            (Self::OneOf(values), found) => {
                values.iter().any(|value| value.compare_found(found).is_some_and(Ordering::is_eq))
            }
            (Self::Matches(expression), FieldValue::Text(text)) => expression.is_match(text),
            (Self::Size(size), FieldValue::Text(text)) => text.chars().count() == *size,
            (Self::Size(size), FieldValue::Collection(count)) => count == *size,
            (Self::Exists(expected), found) => (found != FieldValue::Missing) == *expected,
            _ => false,
        }
    }
}
