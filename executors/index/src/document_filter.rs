//! The filter that a document of a search brings in one of its tags (`filter_tag`), and the sequence in which its conditions are
//! dropped until something matches.
//!
//! The tag has one filter, or a list of conditions that all have to hold, the most important first. A list is tried as a whole,
//! then without one of its conditions, the last first, then without the last two, three, …, and finally without all.

use std::collections::BTreeSet;

use flowrun_sdk::filter::{Filter, Predicate};
use flowrun_sdk::{Document, ExecutorError, Value};

use crate::columns::Columns;

/// Maximum number of conditions in a list: every one adds up to two searches.
const CONDITIONS_MAX: usize = 8;
/// Maximum number of fields and values in the filter of a document; a request may have thousands of documents.
const VALUES_MAX: usize = 128;

/// The filters of a document, from the strictest.
#[derive(Debug, Default)]
pub(crate) struct DocumentFilter {
    pub(crate) steps: Vec<FilterStep>,
    conditions: Vec<Value>,
}

/// One filter of the sequence.
#[derive(Debug)]
pub(crate) struct FilterStep {
    pub(crate) filter: Filter,
    /// Positions of the conditions that were dropped.
    dropped: BTreeSet<usize>,
}

impl DocumentFilter {
    /// Reads the filter of a document; `None` if it has none, or an empty one.
    ///
    /// # Errors
    /// [`flowrun_sdk::ErrorKind::Input`] if it is invalid, or does not fit the columns.
    pub(crate) fn of_document(
        document: &Document,
        tag: &str,
        columns: &Columns,
    ) -> Result<Option<Self>, ExecutorError> {
        match document.tags.get(tag) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => Self::parse(value, columns).map_err(|reason| {
                ExecutorError::input(format_args!("the tag `{tag}` (`filter_tag`): {reason}"))
            }),
        }
    }

    fn parse(value: &Value, columns: &Columns) -> Result<Option<Self>, String> {
        let Value::Array(conditions) = value else {
            let filter = columns.parse_filter(value).map_err(|error| error.to_string())?;
            check_size(filter.iter())?;
            let step = |filter| FilterStep { filter, dropped: BTreeSet::new() };
            return Ok(filter.map(|filter| Self { steps: vec![step(filter)], conditions: Vec::new() }));
        };
        if conditions.len() > CONDITIONS_MAX {
            return Err(format!(
                "{} conditions are more than the {CONDITIONS_MAX} allowed",
                conditions.len()
            ));
        }
        let mut filters = Vec::with_capacity(conditions.len());
        for (number, condition) in conditions.iter().enumerate() {
            let filter =
                columns.parse_filter(condition).map_err(|error| format!("condition {number}: {error}"))?;
            filters.push(filter.unwrap_or(Filter::MATCH_ALL));
        }
        check_size(filters.iter())?;
        let step = |dropped: BTreeSet<usize>| {
            let kept = filters.iter().enumerate().filter(|(position, _)| !dropped.contains(position));
            FilterStep { filter: Filter::All(kept.map(|(_, filter)| filter.clone()).collect()), dropped }
        };
        let steps = sequence(filters.len()).map(step).collect();
        Ok((!filters.is_empty()).then(|| Self { steps, conditions: conditions.clone() }))
    }

    /// The conditions that are dropped at a step; all beyond the last step.
    pub(crate) fn without(&self, step: usize) -> Vec<Value> {
        let dropped = self.steps.get(step).map(|step| &step.dropped);
        let is_dropped = |position: &usize| dropped.is_none_or(|dropped| dropped.contains(position));
        let conditions = self.conditions.iter().enumerate();
        conditions
            .filter(|(position, _)| is_dropped(position))
            .map(|(_, condition)| condition.clone())
            .collect()
    }

    /// The filters in their sequence.
    pub(crate) fn into_filters(self) -> Vec<Filter> {
        self.steps.into_iter().map(|step| step.filter).collect()
    }
}

/// Checks that the filters of one document are small: every document of a request is parsed and searched on its own.
fn check_size<'a>(filters: impl Iterator<Item = &'a Filter>) -> Result<(), String> {
    let size = filters.map(size).sum::<Option<usize>>();
    let size = size.ok_or("has a regular expression, which only the request's `filter` may have")?;
    if size > VALUES_MAX {
        return Err(format!("has {size} fields and values, more than the {VALUES_MAX} allowed"));
    }
    Ok(())
}

/// Number of fields and values of a filter; `None` if it has a regular expression.
fn size(filter: &Filter) -> Option<usize> {
    match filter {
        Filter::All(filters) | Filter::Any(filters) => filters.iter().map(size).sum(),
        Filter::Not(filter) => size(filter),
        Filter::Field { test: Predicate::Matches(_), .. } => None,
        Filter::Field { test: Predicate::OneOf(values), .. } => Some(1 + values.len()),
        Filter::Field { .. } => Some(1),
    }
}

/// Positions that are dropped of `count` conditions at each step.
fn sequence(count: usize) -> impl Iterator<Item = BTreeSet<usize>> {
    let single = (0..count).rev().map(|position| BTreeSet::from([position]));
    let rest = (2..=count).map(move |dropped| (count - dropped..count).collect());
    std::iter::once(BTreeSet::new()).chain(single).chain(rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: Value) -> Result<Option<DocumentFilter>, String> {
        let document = Document::new("q").with_tag("filter", value);
        DocumentFilter::of_document(&document, "filter", &Columns::default())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn one_condition_is_dropped_at_first_then_the_last_ones_and_finally_all() {
        let filter = parse(json!(["a == 1", {"b": 2}, "c == 3"])).unwrap().unwrap();
        let without: Vec<Value> = (0..7).map(|step| Value::from(filter.without(step))).collect();
        let expected = [
            json!([]),
            json!(["c == 3"]),
            json!([{"b": 2}]),
            json!(["a == 1"]),
            json!([{"b": 2}, "c == 3"]),
            json!(["a == 1", {"b": 2}, "c == 3"]),
            json!(["a == 1", {"b": 2}, "c == 3"]),
        ];
        assert_eq!(without, expected);
        assert_eq!(filter.steps.len(), 6);
        assert!(filter.steps[5].filter.matches(&Document::new("any")));
        let c = Document::new("c").with_tag("c", 3).with_tag("a", 1);
        let matching: Vec<bool> = filter.steps.iter().map(|step| step.filter.matches(&c)).collect();
        assert_eq!(matching, [false, false, true, false, true, true]);
    }

    #[test]
    fn a_single_filter_is_never_relaxed() {
        for value in [json!("a == 1"), json!({"a": 1})] {
            assert_eq!(parse(value).unwrap().unwrap().into_filters().len(), 1);
        }
        for value in [Value::Null, json!([]), json!({})] {
            assert!(parse(value.clone()).unwrap().is_none(), "{value}");
        }
    }

    #[test]
    fn an_invalid_filter_is_an_error_that_names_the_tag() {
        for (value, expected) in [
            (json!(5), "the tag `filter` (`filter_tag`): must be a mapping such as"),
            (json!(["a == 1", "b <"]), "the tag `filter` (`filter_tag`): condition 1: has the end where"),
            (json!(vec!["a == 1"; 9]), "9 conditions are more than the 8 allowed"),
            (json!({"a": {"$in": vec![1; 128]}}), "has 129 fields and values, more than the 128 allowed"),
            (json!(vec![json!({"a": {"$in": vec![1; 20]}}); 8]), "has 168 fields and values"),
            (
                json!(["a == 1", "b =~ \"x\""]),
                "has a regular expression, which only the request's `filter` may",
            ),
        ] {
            let error = parse(value).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
