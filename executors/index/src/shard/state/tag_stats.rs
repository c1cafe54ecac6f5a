//! Per-shard tag statistics (min/max, distinct values), used to skip shards that cannot match a filter: a zone map.
//!
//! Statistics are widened before a document becomes visible and never narrowed, so a match is never missed, but a
//! shard may be queried in vain. They are not on disk: they are collected from the documents when the host first
//! requests them, and updated with each write from then on.

use std::collections::{BTreeSet, HashMap};

use flowrun_sdk::filter::{
    Comparison, FieldLookup, FieldValue, Filter, Predicate, Scalar, candidate_tags, is_document_field,
};
use flowrun_sdk::{Tags, Value};

/// Largest number of tags with statistics; further tags may have any value.
const TAGS_MAX: usize = 256;
/// Largest number of distinct texts per tag.
const TEXTS_MAX: usize = 1024;
/// Longest text that is recorded, in bytes.
const TEXT_BYTES_MAX: usize = 256;

/// Tag statistics of a set of documents.
#[derive(Debug, Default)]
pub(in crate::shard) struct TagStats {
    is_nonempty: bool,
    tags: HashMap<String, Values>,
    /// There are tags without statistics.
    has_unknown_tags: bool,
}

/// Values of one tag.
#[derive(Debug, Default)]
struct Values {
    /// Minimum and maximum.
    numbers: Option<(f64, f64)>,
    texts: Texts,
    has_true: bool,
    has_false: bool,
    /// Lists or mappings.
    has_collections: bool,
}

/// Texts of one tag.
#[derive(Debug)]
enum Texts {
    Known(BTreeSet<String>),
    Any,
}

impl Default for Texts {
    fn default() -> Self {
        Self::Known(BTreeSet::new())
    }
}

impl TagStats {
    /// Adds the tags of a document.
    pub(in crate::shard) fn widen(&mut self, tags: &Tags) {
        self.is_nonempty = true;
        for (name, value) in tags {
            if let Some(values) = self.tags.get_mut(name) {
                values.widen(value);
            } else if self.tags.len() < TAGS_MAX {
                self.tags.entry(name.clone()).or_default().widen(value);
            } else {
                self.has_unknown_tags = true;
            }
        }
    }

    /// Returns whether one of the documents may match a filter.
    pub(in crate::shard) fn may_match(&self, filter: &Filter) -> bool {
        self.is_nonempty && self.may_evaluate_to(filter, true)
    }

    /// Returns whether a filter may evaluate to `truth` for one of the documents.
    fn may_evaluate_to(&self, filter: &Filter, truth: bool) -> bool {
        match (filter, truth) {
            (Filter::All(filters), true) | (Filter::Any(filters), false) => {
                filters.iter().all(|filter| self.may_evaluate_to(filter, truth))
            }
            (Filter::All(filters), false) | (Filter::Any(filters), true) => {
                filters.iter().any(|filter| self.may_evaluate_to(filter, truth))
            }
            (Filter::Not(filter), _) => self.may_evaluate_to(filter, !truth),
            (Filter::Field { name, test: Predicate::Exists(expected) }, _) => {
                // No statistic records that every document has a tag.
                *expected != truth || self.may_have(name, Values::is_present)
            }
            (Filter::Field { .. }, false) => true,
            (Filter::Field { name, test }, true) => {
                self.may_have(name, |values| values.may_pass(test, filter))
            }
        }
    }

    /// Returns whether a document may have a value under this name that passes a test.
    fn may_have(&self, name: &str, passes: impl Fn(&Values) -> bool) -> bool {
        // Fields of documents have no statistics.
        let may_have = |(tag, is_whole): (&str, bool)| {
            let values = self.tags.get(tag);
            values.is_some_and(|values| if is_whole { passes(values) } else { values.has_collections })
        };
        self.has_unknown_tags || is_document_field(name) || candidate_tags(name).any(may_have)
    }
}

impl Values {
    fn widen(&mut self, value: &Value) {
        match FieldValue::from_json(value) {
            FieldValue::Missing => {}
            FieldValue::Bool(true) => self.has_true = true,
            FieldValue::Bool(false) => self.has_false = true,
            FieldValue::Collection(_) => self.has_collections = true,
            FieldValue::List(items) => {
                self.has_collections = true;
                // An item of a list is not a list for a test.
                items.iter().filter(|item| !item.is_array()).for_each(|item| self.widen(item));
            }
            FieldValue::Number(number) => {
                let (min, max) = self.numbers.unwrap_or((number, number));
                self.numbers = Some((min.min(number), max.max(number)));
            }
            FieldValue::Text(text) => self.texts.widen(text),
        }
    }

    /// Returns whether any document has the tag.
    fn is_present(&self) -> bool {
        let has_texts = !matches!(&self.texts, Texts::Known(texts) if texts.is_empty());
        self.numbers.is_some() || has_texts || self.has_true || self.has_false || self.has_collections
    }

    /// Returns whether one of the values may pass `test`, which is the test of `filter`.
    fn may_pass(&self, test: &Predicate, filter: &Filter) -> bool {
        let passes = |found| filter.matches(&Uniform(found));
        (self.has_true && passes(FieldValue::Bool(true)))
            || (self.has_false && passes(FieldValue::Bool(false)))
            || (self.has_collections && matches!(test, Predicate::Size(_)))
            || self.numbers.is_some_and(|numbers| may_pass_number(test, numbers))
            || match &self.texts {
                Texts::Any => true,
                Texts::Known(texts) => texts.iter().any(|text| passes(FieldValue::Text(text))),
            }
    }
}

impl Texts {
    fn widen(&mut self, text: &str) {
        if let Self::Known(known) = self
            && !known.contains(text)
        {
            if known.len() < TEXTS_MAX && text.len() <= TEXT_BYTES_MAX {
                known.insert(text.to_owned());
            } else {
                *self = Self::Any;
            }
        }
    }
}

/// Returns whether a number in this range may pass a test.
fn may_pass_number(test: &Predicate, (min, max): (f64, f64)) -> bool {
    let is_between = |number: &f64| (min..=max).contains(number);
    match test {
        Predicate::Compare(comparison, Scalar::Number(number)) => match comparison {
            Comparison::Equal => is_between(number),
            Comparison::Less => min < *number,
            Comparison::LessOrEqual => min <= *number,
            Comparison::Greater => max > *number,
            Comparison::GreaterOrEqual => max >= *number,
        },
        Predicate::OneOf(values) => {
            values.iter().any(|value| matches!(value, Scalar::Number(number) if is_between(number)))
        }
        Predicate::Compare(..) | Predicate::Matches(_) | Predicate::Size(_) => false,
        Predicate::Exists(_) => true,
    }
}

/// A document whose every field has the same value.
struct Uniform<'a>(FieldValue<'a>);

impl FieldLookup for Uniform<'_> {
    fn field(&self, _: &str) -> FieldValue<'_> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn stats(documents: &[Value]) -> TagStats {
        let mut stats = TagStats::default();
        documents.iter().for_each(|tags| stats.widen(tags.as_object().unwrap()));
        stats
    }

    fn filter(filter: &Value) -> Filter {
        Filter::parse(filter, &|_, _| Ok(())).unwrap()
    }

    #[test]
    fn filters_that_no_document_can_match_are_excluded() {
        let stats = stats(&[
            json!({"t": 300, "scene": "night", "sold": false, "list": [1]}),
            json!({"t": 599.5, "scene": "day", "other": null}),
        ]);
        for (source, expected) in [
            (json!("t >= 600"), false),
            (json!("t >= 599.5 and t < 601"), true),
            (json!("t < 300 or t > 599.5"), false),
            (json!("t == 400"), true),
            (json!("t in [1, 2, 600]"), false),
            (json!("t == \"400\""), false),
            (json!("scene == \"dawn\""), false),
            (json!("scene == \"night\" and t < 300"), false),
            (json!("scene in [\"dawn\", \"day\"]"), true),
            (json!("scene =~ \"^n\""), true),
            (json!("scene =~ \"^x\""), false),
            (json!("not scene == \"night\""), true),
            (json!("not (t >= 300 or scene exists)"), true),
            (json!("not not scene == \"dawn\""), false),
            (json!("sold == true"), false),
            (json!("sold == false"), true),
            (json!("other exists"), false),
            (json!("unknown exists"), false),
            (json!("not unknown exists"), true),
            (json!({"list": {"$size": 1}}), true),
            (json!({"t": {"$size": 1}}), false),
            (json!({"list": 1}), true),
            (json!({"list": 2}), false),
            (json!({"list.0": 2}), true),
            (json!({"tags__t": {"$gte": 600}}), false),
            (json!({"tags.t": {"$gte": 500}}), true),
            (json!({"tags__unknown.x": 1}), false),
            (json!({"text": "x"}), true),
            (json!({"id": "x"}), true),
        ] {
            assert_eq!(stats.may_match(&filter(&source)), expected, "{source}");
        }
        assert!(!TagStats::default().may_match(&filter(&json!("not t exists"))));
    }

    #[test]
    fn values_beyond_the_bounds_may_match_anything() {
        let mut crowded = TagStats::default();
        let tags = |range: std::ops::Range<usize>| range.map(|n| (format!("t{n}"), json!(1))).collect();
        crowded.widen(&tags(0..TAGS_MAX));
        assert!(!crowded.may_match(&filter(&json!({"t999": "x"}))));
        crowded.widen(&tags(999..1000));
        assert!(crowded.may_match(&filter(&json!({"t999": "x"}))));
        let texts: Vec<Value> = (0..=TEXTS_MAX).map(|n| json!({"a": n.to_string()})).collect();
        assert!(!stats(&texts[..TEXTS_MAX]).may_match(&filter(&json!({"a": "x"}))));
        assert!(stats(&texts).may_match(&filter(&json!({"a": "x"}))));
        assert!(stats(&[json!({"a": "y".repeat(1000)})]).may_match(&filter(&json!({"a": "x"}))));
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            4 => (-2..4_i64).prop_map(Value::from),
            1 => (-2.0..4.0_f64).prop_map(Value::from),
            4 => "[ab]{0,2}".prop_map(Value::from),
            2 => any::<bool>().prop_map(Value::from),
        ]
    }

    fn leaf() -> impl Strategy<Value = Value> {
        let operators = vec!["$eq", "$ne", "$lt", "$lte", "$gt", "$gte"];
        let comparison = (prop::sample::select(operators), value());
        let comparison = comparison.prop_map(|(operator, value)| json!({ operator: value }));
        let membership = (prop::sample::select(vec!["$in", "$nin"]), prop::collection::vec(value(), 0..3));
        let test = prop_oneof![
            4 => comparison,
            2 => membership.prop_map(|(operator, values)| json!({ operator: values })),
            1 => "[ab]{0,2}".prop_map(|text| json!({"$regex": text})),
            1 => (0..3_u64).prop_map(|size| json!({"$size": size})),
            1 => any::<bool>().prop_map(|expected| json!({"$exists": expected})),
        ];
        ("[xyz]", test).prop_map(|(name, test)| json!({ name: test }))
    }

    fn filters() -> impl Strategy<Value = Value> {
        leaf().prop_recursive(4, 24, 3, |inner| {
            prop_oneof![
                (prop::sample::select(vec!["$and", "$or"]), prop::collection::vec(inner.clone(), 1..4))
                    .prop_map(|(name, filters)| json!({ name: filters })),
                inner.prop_map(|filter| json!({"$not": filter})),
            ]
        })
    }

    fn documents() -> impl Strategy<Value = Vec<Value>> {
        let value = prop_oneof![
            9 => value(),
            1 => Just(Value::Null),
            1 => (0..3_usize).prop_map(|count| vec![1; count].into()),
        ];
        let tags = prop::collection::btree_map("[xyz]", value, 0..4);
        let tags = tags.prop_map(|tags| tags.into_iter().collect::<serde_json::Map<_, _>>().into());
        prop::collection::vec(tags, 0..4)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn a_filter_that_a_document_matches_is_never_excluded(source in filters(), documents in documents()) {
            let parsed = filter(&source);
            let passed = documents.iter().any(|tags| parsed.matches(tags.as_object().unwrap()));
            prop_assert!(!passed || stats(&documents).may_match(&parsed), "{} {:?}", source, documents);
        }
    }
}
