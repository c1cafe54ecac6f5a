//! Parsed filters, and matching.

use std::cmp::Ordering;

use super::document_fields::is_document_field;
use super::fields::{FieldLookup, FieldValue};
use super::scalar::Scalar;
use crate::ClientRegex;

/// A parsed filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Matches if all parts match; without parts, matches every document.
    All(Vec<Filter>),
    /// Matches if at least one part matches.
    Any(Vec<Filter>),
    /// Matches if the inner filter does not.
    Not(Box<Filter>),
    /// Matches if a field passes a test.
    Field {
        /// Name of the field, or the path to it.
        name: String,
        /// Condition of the field.
        test: Predicate,
    },
}

/// Condition of one field.
#[derive(Clone, Debug)]
pub enum Predicate {
    /// The field has this relation to a value.
    Compare(Comparison, Scalar),
    /// The field equals one of the values.
    OneOf(Vec<Scalar>),
    /// The field is a text that the regular expression is found in.
    Matches(ClientRegex),
    /// The field has this length: characters of a text, entries of a list or mapping.
    Size(usize),
    /// The field exists, or does not.
    Exists(bool),
}

/// Relation of a field to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
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
    /// The filter that matches every document.
    pub const MATCH_ALL: Self = Self::All(Vec::new());

    /// Returns the names of the fields that the filter uses, repeated if it uses one several times.
    pub fn field_names(&self) -> Vec<&str> {
        match self {
            Self::All(filters) | Self::Any(filters) => filters.iter().flat_map(Self::field_names).collect(),
            Self::Not(filter) => filter.field_names(),
            Self::Field { name, .. } => vec![name],
        }
    }

    /// Returns `true` if the filter may match a document that lacks one of its fields: it contains a negation, or
    /// alternatives.
    pub fn may_match_without_a_field(&self) -> bool {
        match self {
            Self::Any(filters) if filters.len() > 1 => true,
            Self::All(filters) | Self::Any(filters) => filters.iter().any(Self::may_match_without_a_field),
            Self::Not(_) | Self::Field { test: Predicate::Exists(false), .. } => true,
            Self::Field { .. } => false,
        }
    }

    /// Approximate number of bytes that the filter occupies, for caches of filters.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Self::All(filters) | Self::Any(filters) => filters.iter().map(Self::memory_bytes).sum(),
            Self::Not(filter) => filter.memory_bytes(),
            Self::Field { name, test } => size_of::<Self>() + name.len() + test.text_bytes(),
        }
    }

    /// Returns `true` if the filter may read fields of documents other than tags and ids.
    pub fn reads_fields(&self) -> bool {
        self.field_names().into_iter().any(|name| name != "id" && is_document_field(name))
    }

    /// Returns `true` if the filter matches a record.
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
    /// Bytes of the values outside of the predicate itself.
    fn text_bytes(&self) -> usize {
        let text = |value: &Scalar| match value {
            Scalar::Text(text) => text.len(),
            Scalar::Bool(_) | Scalar::Number(_) => 0,
        };
        match self {
            Self::Compare(_, value) => text(value),
            Self::OneOf(values) => values.iter().map(|value| size_of::<Scalar>() + text(value)).sum(),
            Self::Matches(regex) => regex.as_str().len(),
            Self::Size(_) | Self::Exists(_) => 0,
        }
    }

    fn matches(&self, field: FieldValue<'_>) -> bool {
        match (self, field) {
            (Self::Size(size), FieldValue::List(items)) => items.len() == *size,
            (Self::Exists(expected), FieldValue::List(_)) => *expected,
            (_, FieldValue::List(items)) => {
                items.iter().any(|item| self.matches_single(FieldValue::from_json(item)))
            }
            (_, field) => self.matches_single(field),
        }
    }

    fn matches_single(&self, field: FieldValue<'_>) -> bool {
        match (self, field) {
            (Self::Compare(comparison, value), field) => {
                value.compare_field(field).is_some_and(|ordering| comparison.holds(ordering))
            }
            (Self::OneOf(values), field) => {
                values.iter().any(|value| value.compare_field(field).is_some_and(Ordering::is_eq))
            }
            (Self::Matches(expression), FieldValue::Text(text)) => expression.is_match(text),
            (Self::Size(size), FieldValue::Text(text)) => text.chars().count() == *size,
            (Self::Size(size), FieldValue::Collection(count)) => count == *size,
            (Self::Exists(expected), field) => (field != FieldValue::Missing) == *expected,
            _ => false,
        }
    }
}
