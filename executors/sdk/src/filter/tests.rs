//! Tests of operators and errors, and a comparison with a reference implementation.

use proptest::prelude::*;
use serde_json::{Value, json};

use std::cmp::Ordering;

use super::*;
use crate::{Document, NamedScore};

fn parse(filter: &Value) -> Result<Filter, FilterError> {
    Filter::parse(filter, &|_, _| Ok(()))
}

fn matches(filter: Value, document: &Document) -> bool {
    parse(&filter).unwrap().matches(document)
}

fn document() -> Document {
    let mut document = Document::new("a").with_text("smile, said the cat");
    let tags = json!({"price": 7, "colour": "red", "sold": false, "size": {"h": 1.5}, "list": [3, "x"],
                      "a__b": 1, "nothing": null});
    document.tags = std::sync::Arc::new(tags.as_object().unwrap().clone());
    document.weight = Some(0.5);
    document.scores.insert("cosine".to_owned(), NamedScore::new(0.25, "VectorIndexer"));
    document.chunks = [document.new_chunk(0), document.new_chunk(1)].into_iter().collect();
    document
}

#[test]
fn paths_address_fields_tags_and_nested_values() {
    let document = document();
    for filter in [
        json!({"tags__price": {"$eq": 7}}),
        json!({"tags__size__h": {"$gt": 1}}),
        json!({"tags__list__0": {"$eq": 3}, "tags__list__1": {"$in": ["x"]}}),
        json!({"tags__a__b": {"$eq": 1}}),
        json!({"tags__list": {"$size": 2}, "chunks": {"$size": 2}, "text": {"$size": 19}}),
        json!({"scores__cosine__value": {"$lt": 0.3}, "weight": {"$gte": 0.5}}),
        json!({"text": {"$regex": "^smile.*cat$"}}),
        json!({"text": {"$exists": true}, "uri": {"$exists": false}, "matches": {"$exists": false}}),
        json!({"tags__sold": {"$exists": true}, "tags__nothing": {"$exists": false}}),
        json!({"tags__other": {"$neq": 5, "$nin": [5]}}),
        json!({"$or": {"tags__price": {"$lt": 5}, "tags__colour": {"$eq": "red"}}}),
        json!({"$not": [{"tags__price": {"$lt": 5}}]}),
    ] {
        assert!(matches(filter.clone(), &document), "{filter}");
        assert!(!matches(json!({"$not": filter}), &document), "not {filter}");
    }
    for filter in [
        json!({"tags__colour": {"$lt": 5}}),
        json!({"tags__price": {"$regex": "7"}}),
        json!({"tags__price": {"$size": 1}}),
        json!({"tags__size__h__x": {"$exists": true}}),
        json!({"text__x": {"$exists": true}}),
    ] {
        assert!(!matches(filter.clone(), &document), "{filter}");
    }
}

#[test]
fn errors_state_the_path_and_the_alternatives() {
    for (filter, place, reason) in [
        (json!({"text": {"$regx": "a"}}), "text.$regx", "is not an operator; write one of $eq, "),
        (
            json!({"$xor": []}),
            "$xor",
            "is not an operator here; write the name of a field, or one of $and, $or, $not",
        ),
        (json!({"text": {"$regex": "a("}}), "text.$regex", "is not a regular expression: "),
        (
            json!({"text": {"$regex": "(a{1000}){1000}"}}),
            "text.$regex",
            "is a regular expression that compiles to more than the 524288 bytes allowed",
        ),
        (
            json!({"text": {"$regex": "a".repeat(1 << 20)}}),
            "text.$regex",
            "has 1048576 bytes, more than the 1024 that",
        ),
        (json!({"text": {"$size": 1.5}}), "text.$size", "must be a whole number"),
        (json!({"text": {"$exists": 1}}), "text.$exists", "must be true or false"),
        (json!({"$or": {}}), "$or", "must be a list of at least one filter"),
        (json!({"$or": [{"a": {"$lt": null}}]}), "$or.0.a.$lt", "must be a text, a number, true or false"),
    ] {
        let error = parse(&filter).unwrap_err();
        assert_eq!(error.path.join("."), place);
        assert!(error.reason.starts_with(reason), "{error}");
    }
    assert!(parse(&json!({"text": {"$regx": "a"}})).unwrap_err().known.contains(&"$regex"));
}

#[test]
fn a_filter_has_at_most_sixteen_regular_expressions() {
    let filter = |count: usize| json!({"$or": vec![json!({"text": {"$regex": "a"}}); count]});
    assert!(parse(&filter(16)).is_ok());
    let error = parse(&filter(17)).unwrap_err().to_string();
    assert_eq!(error, "`$or.16.text.$regex` is one more than the 16 regular expressions of one filter");
}

fn passes(filter: Value, tags: Value) -> bool {
    parse(&filter).unwrap().matches(tags.as_object().unwrap())
}

#[test]
fn operators_have_their_meaning() {
    let tags = json!({"n": 5, "t": "m", "b": true});
    let holding = [
        json!({}),
        json!({"n": 5}),
        json!({"n": {"$eq": 5.0}, "t": "m"}),
        json!({"n": {"$gt": 4, "$lt": 6}}),
        json!({"n": {"$gte": 5, "$lte": 5}}),
        json!({"t": {"$gt": "a"}}),
        json!({"b": true}),
        json!({"b": {"$gt": false}}),
        json!({"n": {"$in": [1, 5]}}),
        json!({"n": {"$nin": []}}),
        json!({"n": {"$ne": 4}}),
        json!({"n": {"$neq": 4}}),
        json!({"n": {"$not": {"$lt": 5}}}),
        json!({"$and": [{"n": 5}, {"t": "m"}]}),
        json!({"$or": [{"n": 4}, {"t": "m"}]}),
        json!({"$not": {"n": 4}}),
    ];
    for filter in holding {
        assert!(passes(filter.clone(), tags.clone()), "{filter}");
        assert!(!passes(json!({"$not": filter}), tags.clone()), "not {filter}");
    }
    // All conditions must hold, an `$or` among them.
    assert!(!passes(json!({"n": 4, "$or": [{"t": "m"}]}), tags));
}

#[test]
fn a_missing_tag_or_one_of_another_type_is_unequal_and_unordered() {
    for tags in [json!({}), json!({"n": "5"}), json!({"n": null}), json!({"n": ["5"]}), json!({"n": true})] {
        for operator in ["$eq", "$lt", "$lte", "$gt", "$gte"] {
            assert!(!passes(json!({"n": {operator: 5}}), tags.clone()), "{operator} {tags}");
        }
        assert!(passes(json!({"n": {"$ne": 5}}), tags.clone()));
        assert!(passes(json!({"n": {"$nin": [5]}}), tags.clone()));
        assert!(!passes(json!({"n": {"$in": [5]}}), tags));
    }
}

#[test]
fn a_list_passes_a_test_that_one_of_its_items_passes() {
    let tags = json!({"colours": ["red", "blue"], "sizes": [3, 7], "mixed": ["x", 1, true, [9]], "none": []});
    for filter in [
        json!({"colours": "red"}),
        json!({"colours": {"$in": ["green", "blue"]}}),
        json!({"colours": {"$regex": "^bl"}}),
        json!({"colours": {"$gt": "pink"}}),
        json!({"colours": {"$nin": ["green"]}, "sizes": {"$ne": 4}}),
        json!({"colours": {"$size": 2}, "none": {"$size": 0}}),
        json!({"sizes": {"$lt": 4}}),
        json!({"sizes": {"$gte": 7, "$lte": 3}}),
        json!({"mixed": true}),
        json!({"mixed": 1, "colours": {"$exists": true}}),
        json!({"colours.0": "red", "colours__1": "blue"}),
    ] {
        assert!(passes(filter.clone(), tags.clone()), "{filter}");
        assert!(!passes(json!({"$not": filter}), tags.clone()), "not {filter}");
    }
    for filter in [
        json!({"colours": "green"}),
        json!({"colours": {"$ne": "red"}}),
        json!({"sizes": {"$gt": 7}}),
        json!({"sizes": {"$size": 3}}),
        json!({"mixed": 9}),
        json!({"none": {"$gt": 0}}),
    ] {
        assert!(!passes(filter.clone(), tags.clone()), "{filter}");
    }
}

#[test]
fn stored_documents_are_found_by_their_fields_where_no_tag_has_the_name() {
    let mut document = document();
    document.mime_type = "text/plain".to_owned();
    let stored = StoredDocument { id: &document.id, tags: &document.tags, document: Some(&document) };
    for (filter, reads_fields) in [
        (json!({"id": "a"}), false),
        (json!({"text": {"$regex": "smile"}}), true),
        (json!({"mime_type": "text/plain", "uri": {"$exists": false}}), true),
        (json!({"scores__cosine__value": {"$lt": 0.3}}), true),
        (json!({"price": 7, "tags__price": 7, "tags.price": 7}), false),
        (json!({"size.h": 1.5, "tags__size__h": 1.5, "nothing": {"$exists": false}}), false),
    ] {
        let parsed = parse(&filter).unwrap();
        assert!(parsed.matches(&stored) && parsed.reads_fields() == reads_fields, "{filter}");
    }
    let tags = json!({"text": "of the tag", "id": 5});
    let tags = tags.as_object().unwrap();
    let stored = StoredDocument { tags, ..stored };
    assert!(parse(&json!({"text": "of the tag", "id": 5})).unwrap().matches(&stored));
}

/// Reference implementation that interprets the JSON of a filter.
fn model(filter: &Value, tags: &Value) -> bool {
    let field = |name: &str, test: &Value| {
        let found = tags.get(name.strip_prefix("tags__").unwrap()).filter(|value| !value.is_null());
        let order = |value: &Value| match (found?, value) {
            (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
            (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
            (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            _ => None,
        };
        let is =
            |value: &Value, orders: &[Ordering]| order(value).is_some_and(|order| orders.contains(&order));
        test.as_object().unwrap().iter().all(|(operator, value)| match operator.as_str() {
            "$eq" => is(value, &[Ordering::Equal]),
            "$neq" => !is(value, &[Ordering::Equal]),
            "$lt" => is(value, &[Ordering::Less]),
            "$lte" => is(value, &[Ordering::Less, Ordering::Equal]),
            "$gt" => is(value, &[Ordering::Greater]),
            "$gte" => is(value, &[Ordering::Greater, Ordering::Equal]),
            "$in" => value.as_array().unwrap().iter().any(|value| is(value, &[Ordering::Equal])),
            "$nin" => !value.as_array().unwrap().iter().any(|value| is(value, &[Ordering::Equal])),
            "$regex" => {
                found.and_then(Value::as_str).is_some_and(|text| text.contains(value.as_str().unwrap()))
            }
            "$size" => {
                found.and_then(Value::as_str).is_some_and(|text| text.len() as u64 == value.as_u64().unwrap())
            }
            "$exists" => found.is_some() == value.as_bool().unwrap(),
            other => panic!("{other}"),
        })
    };
    filter.as_object().unwrap().iter().all(|(name, value)| match name.as_str() {
        "$and" => value.as_array().unwrap().iter().all(|filter| model(filter, tags)),
        "$or" => value.as_array().unwrap().iter().any(|filter| model(filter, tags)),
        "$not" => !model(value, tags),
        name => field(name, value),
    })
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0..4_i64).prop_map(Value::from),
        "[ab]{0,2}".prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
    ]
}

fn leaf() -> impl Strategy<Value = Value> {
    let comparison = (prop::sample::select(vec!["$eq", "$neq", "$lt", "$lte", "$gt", "$gte"]), value())
        .prop_map(|(operator, value)| json!({ operator: value }));
    let membership = (prop::sample::select(vec!["$in", "$nin"]), prop::collection::vec(value(), 0..3))
        .prop_map(|(operator, values)| json!({ operator: values }));
    let test = prop_oneof![
        4 => comparison,
        2 => membership,
        1 => "[ab]{0,2}".prop_map(|text| json!({"$regex": text})),
        1 => (0..3_u64).prop_map(|size| json!({"$size": size})),
        1 => any::<bool>().prop_map(|expected| json!({"$exists": expected})),
    ];
    ("tags__[xyz]", test).prop_map(|(name, test)| json!({ name: test }))
}

fn filter() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            (prop::sample::select(vec!["$and", "$or"]), prop::collection::vec(inner.clone(), 1..4))
                .prop_map(|(name, filters)| json!({ name: filters })),
            inner.prop_map(|filter| json!({"$not": filter})),
        ]
    })
}

#[test]
fn the_size_of_a_filter_includes_its_values() {
    let bytes = |value: &Value| parse(value).unwrap().memory_bytes();
    let short = bytes(&json!({"a": "b"}));
    assert!(
        bytes(&json!({"$or": [{"a": "b".repeat(1000)}, {"$not": {"a": {"$in": ["c".repeat(500)]}}}]}))
            >= short + 1500
    );
    assert!(bytes(&json!({"a": {"$in": vec![1; 1000]}})) > 1000);
}

proptest! {
    #[test]
    fn filters_agree_with_the_reference(
        filter in filter(),
        tags in prop::collection::btree_map("[xyz]", prop_oneof![9 => value(), 1 => Just(Value::Null)], 0..4),
    ) {
        let tags: Value = tags.into_iter().collect::<serde_json::Map<_, _>>().into();
        let mut document = Document::new("a");
        document.tags = std::sync::Arc::new(tags.as_object().unwrap().clone());
        prop_assert_eq!(matches(filter.clone(), &document), model(&filter, &tags), "{} {}", filter, tags);
    }
}
