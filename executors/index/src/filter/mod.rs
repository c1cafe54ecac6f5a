//! Which stored documents are meant, told by their tags: the filter language of AnnLite, which is part of MongoDB's.
//!
//! ```text
//! {"price": {"$gte": 5, "$lt": 10}}             every condition of a mapping must hold
//! {"price": 7, "colour": {"$in": ["red"]}}      a value alone means `$eq`
//! {"$or": [{"price": 7}, {"$not": {"sold": true}}]}
//! ```
//!
//! A filter is parsed once for a request, against the columns that the executor was told, if it was told any. Documents
//! are then judged without an error: a tag that is missing, or of another type than the value that it is compared with,
//! is neither equal to it nor less nor greater. `$ne`, `$nin` and `$not` are the exact opposite of what they deny, so
//! that they hold for such a tag. Numbers are compared in double precision, which is what stored tags have.
//!
//! What differs from AnnLite: an `$or` beside other conditions is one more condition, not an alternative to them; a text
//! is no filter, where AnnLite took it for SQL.

mod columns;
mod parse;
mod scalar;

use flowrun_sdk::Tags;

pub(crate) use columns::Columns;
pub(crate) use scalar::Scalar;

use std::cmp::Ordering;

/// Which documents are meant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    /// Those that all of these mean; every document when there are none.
    All(Vec<Filter>),
    /// Those that any of these means.
    Any(Vec<Filter>),
    /// Those that this does not mean.
    Not(Box<Filter>),
    /// Those whose tag stands in this relation to a value.
    Compare { tag: String, comparison: Comparison, value: Scalar },
    /// Those whose tag is equal to one of these values.
    OneOf { tag: String, values: Vec<Scalar> },
}

/// How a tag stands to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
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
    pub(crate) const EVERYTHING: Self = Self::All(Vec::new());

    /// Whether a document with these tags is meant.
    pub(crate) fn passes(&self, tags: &Tags) -> bool {
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.passes(tags)),
            Self::Any(filters) => filters.iter().any(|filter| filter.passes(tags)),
            Self::Not(filter) => !filter.passes(tags),
            Self::Compare { tag, comparison, value } => {
                let ordering = tags.get(tag).and_then(|tag| value.compare_tag(tag));
                ordering.is_some_and(|ordering| comparison.holds(ordering))
            }
            Self::OneOf { tag, values } => tags.get(tag).is_some_and(|tag| {
                values.iter().any(|value| value.compare_tag(tag).is_some_and(Ordering::is_eq))
            }),
        }
    }
}
