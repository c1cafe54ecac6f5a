//! Filters of documents by their fields: MongoDB's query language, as used by AnnLite and docarray's first version.
//!
//! ```text
//! {"price": {"$gte": 5, "$lt": 10}}             all conditions of a mapping must hold
//! {"price": 7, "colour": {"$in": ["red"]}}      a value alone means `$eq`
//! {"$or": [{"price": 7}, {"$not": {"sold": true}}]}
//! "price == 7 or not sold == true"              the same as an expression
//! ```
//!
//! A filter is parsed once; matching it against a document cannot fail. A field that is missing, or of another type than
//! the value that it is compared with, is neither equal nor less nor greater. `$ne`, `$nin` and `$not` are the exact
//! negation of their counterparts, so that they hold for such a field. A list passes a test if one of its items does, as in
//! MongoDB: `{"colours": "red"}` matches a document with the colours red and blue, and its negation does not. Numbers are
//! compared in double precision, the precision of stored tags.
//!
//! Differences from AnnLite: an `$or` next to other conditions is one more condition, not an alternative to them; a string
//! is an expression, which AnnLite took for SQL. Differences from docarray: values of different types are unequal, where
//! Python raises an error; fields are compared with values only, never with other fields.

mod document_fields;
mod error;
mod expression;
mod fields;
mod parse;
mod predicate;
mod relaxation;
mod scalar;
mod tag_path;
#[cfg(test)]
mod tests;
mod unknown_tags;

pub use document_fields::{DOCUMENT_FIELDS, StoredDocument, is_document_field};
pub use error::FilterError;
pub use fields::{FieldLookup, FieldValue};
pub use parse::FieldCheck;
pub use predicate::{Comparison, Filter, Predicate};
pub use relaxation::{RELAXED_TAG, relaxation_step, set_relaxation};
pub use scalar::Scalar;
pub use tag_path::{candidate_tags, find_tag, first_step, without_tags_prefix};
pub use unknown_tags::UnknownTags;
