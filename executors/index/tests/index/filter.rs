//! A filtered search finds what searching everything and leaving out the rest would, however few are left.

use std::collections::BTreeMap;

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Document, Value};
use proptest::prelude::*;
use serde_json::json;

use crate::bench::{NONE, call, call_with, directory, document, found, kind, open, shard_context};

/// A vector on a line, so that many distances are equal, and a tag that may be a number, a text or missing.
type Stored = BTreeMap<String, (u8, Value)>;

fn tags() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (0..6_u8).prop_map(|number| json!({"n": number})),
        1 => Just(json!({"n": "text"})),
        1 => Just(json!({})),
    ]
}

/// A filter and what it means, told in another way.
#[derive(Clone, Debug)]
enum Meant {
    Below(u8),
    Exactly(u8),
    Not(Box<Meant>),
    Either(Box<Meant>, Box<Meant>),
    Both(Box<Meant>, Box<Meant>),
}

impl Meant {
    fn filter(&self) -> Value {
        match self {
            Self::Below(number) => json!({"n": {"$lt": number}}),
            Self::Exactly(number) => json!({"n": {"$in": [number]}}),
            Self::Not(one) => json!({"$not": one.filter()}),
            Self::Either(one, other) => json!({"$or": [one.filter(), other.filter()]}),
            Self::Both(one, other) => json!({"$and": [one.filter(), other.filter()]}),
        }
    }

    fn holds(&self, tags: &Value) -> bool {
        let number = tags["n"].as_u64();
        match self {
            Self::Below(bound) => number.is_some_and(|number| number < u64::from(*bound)),
            Self::Exactly(expected) => number == Some(u64::from(*expected)),
            Self::Not(one) => !one.holds(tags),
            Self::Either(one, other) => one.holds(tags) || other.holds(tags),
            Self::Both(one, other) => one.holds(tags) && other.holds(tags),
        }
    }
}

fn meant() -> impl Strategy<Value = Meant> {
    let leaf = prop_oneof![(0..7_u8).prop_map(Meant::Below), (0..7_u8).prop_map(Meant::Exactly)];
    leaf.prop_recursive(3, 8, 2, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            inner.prop_map(|one| Meant::Not(Box::new(one))),
            pair.clone().prop_map(|(one, other)| Meant::Either(Box::new(one), Box::new(other))),
            pair.prop_map(|(one, other)| Meant::Both(Box::new(one), Box::new(other))),
        ]
    })
}

fn tagged(id: &str, element: u8, tags: &Value) -> Document {
    let plain = document(id, &[f32::from(element), 1.0]);
    tags.as_object().unwrap().iter().fold(plain, |document, (name, tag)| document.with_tag(name, tag.clone()))
}

fn ids(documents: &[Document]) -> Vec<String> {
    documents.iter().map(|document| document.id.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn what_is_found_are_the_nearest_of_those_meant(
        writes in proptest::collection::vec((0..90_u8, 0..5_u8, tags()), 1..200),
        meant in meant(),
        k in 1..20_usize,
        index in proptest::sample::select(vec!["Flat", "HNSW8"]),
        shards in 1..4_usize,
    ) {
        let directory = directory();
        let with = json!({"metric": "euclidean", "fsync": "never", "index": index});
        let stored = writes.iter().map(|(id, element, tags)| (format!("{id:02}"), (*element, tags.clone())));
        let stored: Stored = stored.collect();
        let mut answers = Vec::new();
        let mut listed = Vec::new();
        for shard in 0..shards {
            let context = shard_context(directory.path(), shard, shards);
            let mut bench = ExecutorHarness::new(kind("VectorIndexer"), &with, context).unwrap();
            let own = writes.iter().filter(|(id, ..)| usize::from(*id) % shards == shard);
            let own = own.map(|(id, element, tags)| tagged(&format!("{id:02}"), *element, tags));
            call(&mut bench, "/index", own.collect());
            let query = vec![document("q", &[0.0, 1.0])];
            let parameters = json!({"filter": meant.filter(), "top_k": k});
            let answer = call_with(&mut bench, "/search", query, parameters).unwrap();
            answers.extend(found(&answer.documents[0]));
            let parameters = json!({"filter": meant.filter(), "limit": 200});
            listed.extend(ids(&call_with(&mut bench, "/filter", NONE, parameters).unwrap().documents));
        }
        let of = |stored: &Stored| {
            let meant = stored.iter().filter(|(_, (_, tags))| meant.holds(tags));
            meant.map(|(id, (element, _))| (id.clone(), f32::from(*element))).collect::<Vec<_>>()
        };
        let mut expected = of(&stored);
        listed.sort();
        prop_assert_eq!(listed, expected.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>());
        let order = |a: &(String, f32), b: &(String, f32)| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0));
        expected.sort_by(order);
        answers.sort_by(order);
        if index == "Flat" {
            expected.truncate(k);
            answers.truncate(k);
            prop_assert_eq!(answers, expected);
        } else {
            // A graph may miss the nearest, but not return fewer or others than are meant.
            prop_assert!(answers.len() >= k.min(expected.len()));
            prop_assert!(answers.iter().all(|answer| expected.contains(answer)));
        }
    }
}

/// A thousand documents on a line, of which every 250th is rare.
fn thousand(index: &str) -> (tempfile::TempDir, ExecutorHarness) {
    let directory = directory();
    let with = json!({"metric": "euclidean", "fsync": "never", "index": index});
    let mut bench = open(directory.path(), "VectorIndexer", &with);
    let stored = (0..1000_u16).map(|number| {
        document(&format!("{number:03}"), &[f32::from(number), 1.0]).with_tag("rare", number % 250 == 249)
    });
    call(&mut bench, "/index", stored.collect());
    (directory, bench)
}

#[test]
fn the_few_that_are_meant_are_found_far_behind_all_others() {
    for index in ["Flat", "HNSW8", "SQ8"] {
        let (_directory, mut bench) = thousand(index);
        let mut search = |filter: Value, k: u64| {
            let query = vec![document("q", &[0.0, 1.0])];
            let answer =
                call_with(&mut bench, "/search", query, json!({"filter": filter, "limit": k})).unwrap();
            ids(&answer.documents[0].matches)
        };
        assert_eq!(search(json!({"rare": true}), 3), ["249", "499", "749"], "{index}");
        assert_eq!(search(json!({"rare": true}), 9).len(), 4, "{index}");
        assert_eq!(search(json!({"rare": 1}), 9), [""; 0], "{index}");
        assert_eq!(search(json!({}), 2), ["000", "001"], "{index}");
    }
}

#[test]
fn a_filter_sees_what_is_stored_now() {
    let (_directory, mut bench) = thousand("Flat");
    call(&mut bench, "/update", vec![document("000", &[0.0, 1.0]).with_tag("rare", true)]);
    call_with(&mut bench, "/delete", NONE, json!({"ids": ["249"]})).unwrap();
    let parameters = json!({"filter": {"rare": true}});
    let listed = call_with(&mut bench, "/filter", NONE, parameters).unwrap();
    assert_eq!(ids(&listed.documents), ["000", "499", "749", "999"]);
    call(&mut bench, "/clear", NONE);
    assert!(call(&mut bench, "/filter", NONE).documents.is_empty());
}

#[test]
fn documents_are_listed_page_by_page_in_the_order_asked_for() {
    let directory = directory();
    let mut bench = open(directory.path(), "VectorIndexer", &json!({"fsync": "never"}));
    let prices =
        [("a", json!(3)), ("b", json!(1)), ("c", json!("cheap")), ("d", Value::Null), ("e", json!(1))];
    let priced = |(id, price): (&str, Value)| document(id, &[1.0]).with_tag("price", price);
    call(&mut bench, "/index", prices.into_iter().map(priced).collect());
    let mut list = |parameters| ids(&call_with(&mut bench, "/filter", NONE, parameters).unwrap().documents);
    assert_eq!(list(json!({})), ["a", "b", "c", "d", "e"]);
    assert_eq!(list(json!({"offset": 1, "limit": 2})), ["b", "c"]);
    assert_eq!(list(json!({"offset": 9})), [""; 0]);
    assert_eq!(list(json!({"limit": 0})), [""; 0]);
    assert_eq!(list(json!({"order_by": "price"})), ["b", "e", "a", "c", "d"]);
    assert_eq!(list(json!({"order_by": "price", "ascending": false, "limit": 3})), ["c", "a", "b"]);
    assert_eq!(list(json!({"order_by": "price", "offset": 1, "limit": 2})), ["e", "a"]);
    let error = call_with(&mut bench, "/filter", NONE, json!({"offset": 100_000})).unwrap_err();
    assert_eq!(error.to_string(), "parameter `limit`: with `offset` must be at most 100000");
}

#[test]
fn without_a_word_twenty_are_listed_and_more_only_on_demand() {
    let (_directory, mut bench) = thousand("Flat");
    assert_eq!(call(&mut bench, "/filter", NONE).documents.len(), 20);
    let all = call_with(&mut bench, "/filter", NONE, json!({"limit": 5000, "order_by": "rare"})).unwrap();
    assert_eq!((all.documents.len(), all.documents[0].id.as_str()), (1000, "000"));
}
