//! A filtered search equals an exhaustive search of the matching documents, for any selectivity.

use std::collections::BTreeMap;

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Document, Value};
use proptest::prelude::*;
use serde_json::json;

use crate::harness::{NO_DOCUMENTS, call, call_with, directory, document, matches_of, open, open_shards};

/// By id: the position on a line, so that many distances are equal, and a tag that may be a number, a text or missing.
type Stored = BTreeMap<String, (u8, Value)>;

fn tags() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (0..6_u8).prop_map(|number| json!({"n": number})),
        1 => Just(json!({"n": "text"})),
        1 => Just(json!({})),
    ]
}

/// A filter with a reference implementation.
#[derive(Clone, Debug)]
enum Condition {
    Below(u8),
    Exactly(u8),
    Not(Box<Condition>),
    Either(Box<Condition>, Box<Condition>),
    Both(Box<Condition>, Box<Condition>),
}

impl Condition {
    fn filter(&self) -> Value {
        match self {
            Self::Below(number) => json!({"n": {"$lt": number}}),
            Self::Exactly(number) => json!({"n": {"$in": [number]}}),
            Self::Not(one) => json!({"$not": one.filter()}),
            Self::Either(one, other) => json!({"$or": [one.filter(), other.filter()]}),
            Self::Both(one, other) => json!({"$and": [one.filter(), other.filter()]}),
        }
    }

    fn matches(&self, tags: &Value) -> bool {
        let number = tags["n"].as_u64();
        match self {
            Self::Below(bound) => number.is_some_and(|number| number < u64::from(*bound)),
            Self::Exactly(expected) => number == Some(u64::from(*expected)),
            Self::Not(one) => !one.matches(tags),
            Self::Either(one, other) => one.matches(tags) || other.matches(tags),
            Self::Both(one, other) => one.matches(tags) && other.matches(tags),
        }
    }
}

fn condition() -> impl Strategy<Value = Condition> {
    let leaf = prop_oneof![(0..7_u8).prop_map(Condition::Below), (0..7_u8).prop_map(Condition::Exactly)];
    leaf.prop_recursive(3, 8, 2, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            inner.prop_map(|one| Condition::Not(Box::new(one))),
            pair.clone().prop_map(|(one, other)| Condition::Either(Box::new(one), Box::new(other))),
            pair.prop_map(|(one, other)| Condition::Both(Box::new(one), Box::new(other))),
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
    fn filtered_search_finds_the_nearest_matching_documents(
        writes in proptest::collection::vec((0..90_u8, 0..5_u8, tags()), 1..200),
        condition in condition(),
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
        let mut executors = open_shards(directory.path(), "VectorIndexer", &with, shards);
        for (shard, executor) in executors.iter_mut().enumerate() {
            let own = writes.iter().filter(|(id, ..)| usize::from(*id) % shards == shard);
            let own = own.map(|(id, element, tags)| tagged(&format!("{id:02}"), *element, tags));
            call(executor, "/index", own.collect());
            let query = vec![document("q", &[0.0, 1.0])];
            let parameters = json!({"filter": condition.filter(), "top_k": k});
            let answer = call_with(executor, "/search", query, parameters).unwrap();
            answers.extend(matches_of(&answer.documents[0]));
            let parameters = json!({"filter": condition.filter(), "limit": 200});
            listed.extend(ids(&call_with(executor, "/filter", NO_DOCUMENTS, parameters).unwrap().documents));
        }
        let matching = |stored: &Stored| {
            let matching = stored.iter().filter(|(_, (_, tags))| condition.matches(tags));
            matching.map(|(id, (element, _))| (id.clone(), f32::from(*element))).collect::<Vec<_>>()
        };
        let mut expected = matching(&stored);
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
            // A graph may miss the nearest, but returns enough documents, and only matching ones.
            prop_assert!(answers.len() >= k.min(expected.len()));
            prop_assert!(answers.iter().all(|answer| expected.contains(answer)));
        }
    }
}

/// A thousand documents on a line; every 250th has the tag `rare`.
fn thousand(index: &str) -> (tempfile::TempDir, ExecutorHarness) {
    let directory = directory();
    let with = json!({"metric": "euclidean", "fsync": "never", "index": index});
    let mut executor = open(directory.path(), "VectorIndexer", &with);
    let stored = (0..1000_u16).map(|number| {
        document(&format!("{number:03}"), &[f32::from(number), 1.0]).with_tag("rare", number % 250 == 249)
    });
    call(&mut executor, "/index", stored.collect());
    (directory, executor)
}

#[test]
fn rare_matching_documents_are_found_however_far_away() {
    for index in ["Flat", "HNSW8", "SQ8"] {
        let (_directory, mut executor) = thousand(index);
        let mut search = |filter: Value, k: u64| {
            let query = vec![document("q", &[0.0, 1.0])];
            let answer =
                call_with(&mut executor, "/search", query, json!({"filter": filter, "limit": k})).unwrap();
            ids(&answer.documents[0].matches)
        };
        assert_eq!(search(json!({"rare": true}), 3), ["249", "499", "749"], "{index}");
        assert_eq!(search(json!({"rare": true}), 9).len(), 4, "{index}");
        assert_eq!(search(json!({"rare": 1}), 9), [""; 0], "{index}");
        assert_eq!(search(json!({}), 2), ["000", "001"], "{index}");
    }
}

#[test]
fn filters_see_current_tags() {
    let (_directory, mut executor) = thousand("Flat");
    call(&mut executor, "/update", vec![document("000", &[0.0, 1.0]).with_tag("rare", true)]);
    call_with(&mut executor, "/delete", NO_DOCUMENTS, json!({"ids": ["249"]})).unwrap();
    let parameters = json!({"filter": {"rare": true}});
    let listed = call_with(&mut executor, "/filter", NO_DOCUMENTS, parameters).unwrap();
    assert_eq!(ids(&listed.documents), ["000", "499", "749", "999"]);
    call(&mut executor, "/clear", NO_DOCUMENTS);
    assert!(call(&mut executor, "/filter", NO_DOCUMENTS).documents.is_empty());
}

#[test]
fn filter_pages_documents_in_the_requested_order() {
    let directory = directory();
    let mut executor = open(directory.path(), "VectorIndexer", &json!({"fsync": "never"}));
    let prices =
        [("a", json!(3)), ("b", json!(1)), ("c", json!("cheap")), ("d", Value::Null), ("e", json!(1))];
    let priced = |(id, price): (&str, Value)| document(id, &[1.0]).with_tag("price", price);
    call(&mut executor, "/index", prices.into_iter().map(priced).collect());
    let mut list =
        |parameters| ids(&call_with(&mut executor, "/filter", NO_DOCUMENTS, parameters).unwrap().documents);
    assert_eq!(list(json!({})), ["a", "b", "c", "d", "e"]);
    assert_eq!(list(json!({"offset": 1, "limit": 2})), ["b", "c"]);
    assert_eq!(list(json!({"offset": 9})), [""; 0]);
    assert_eq!(list(json!({"limit": 0})), [""; 0]);
    assert_eq!(list(json!({"order_by": "price"})), ["b", "e", "a", "c", "d"]);
    assert_eq!(list(json!({"order_by": "price", "ascending": false, "limit": 3})), ["c", "a", "b"]);
    assert_eq!(list(json!({"order_by": "price", "offset": 1, "limit": 2})), ["e", "a"]);
    let error = call_with(&mut executor, "/filter", NO_DOCUMENTS, json!({"offset": 100_000})).unwrap_err();
    assert_eq!(error.to_string(), "parameter `limit`: plus `offset` must be at most 100000");
}

#[test]
fn filter_returns_twenty_documents_by_default() {
    let (_directory, mut executor) = thousand("Flat");
    assert_eq!(call(&mut executor, "/filter", NO_DOCUMENTS).documents.len(), 20);
    let all = call_with(&mut executor, "/filter", NO_DOCUMENTS, json!({"limit": 5000, "order_by": "rare"}))
        .unwrap();
    assert_eq!((all.documents.len(), all.documents[0].id.as_str()), (1000, "000"));
}

/// Three documents: `a` in English with a list of colours, `b` in German, `c` without tags.
fn languages(executor: &mut ExecutorHarness) {
    let documents = vec![
        document("a", &[0.0, 1.0])
            .with_text("hello")
            .with_tag("lang", "en")
            .with_tag("t", "2024")
            .with_tag("size", json!({"h": 2}))
            .with_tag("colours", json!(["red", "blue"])),
        document("b", &[1.0, 1.0]).with_text("hallo").with_tag("lang", "de").with_tag("t", "dddd"),
        document("c", &[2.0, 1.0]),
    ];
    call(executor, "/index", documents);
}

#[test]
fn tags_and_fields_are_found_under_every_spelling() {
    let directory = directory();
    for name in ["VectorIndexer", "DocumentStore"] {
        let mut executor = open(&directory.path().join(name), name, &json!({}));
        languages(&mut executor);
        for (filter, expected) in [
            (json!({"lang": "en"}), vec!["a"]),
            (json!({"tags__lang": "en"}), vec!["a"]),
            (json!({"tags.lang": "de"}), vec!["b"]),
            (json!("tags.lang == 'en' or tags__lang == 'de'"), vec!["a", "b"]),
            (json!({"size.h": 2, "size__h": 2, "tags__size__h": {"$gt": 1}}), vec!["a"]),
            (json!({"id": "c"}), vec!["c"]),
            (json!({"id": {"$in": ["a", "c"]}}), vec!["a", "c"]),
            (json!({"text": "hello"}), vec!["a"]),
            (json!({"text": {"$exists": false}}), vec!["c"]),
            (json!({"$not": {"text": {"$regex": "^h"}}}), vec!["c"]),
            (json!("t =~ \"^\\d{4}$\""), vec!["a"]),
            (json!("t =~ '^d{4}$'"), vec!["b"]),
            (json!({"colours": "red"}), vec!["a"]),
            (json!({"colours": {"$ne": "red"}}), vec!["b", "c"]),
            (json!({"colours": {"$in": ["green", "blue"]}}), vec!["a"]),
            (json!("colours not in ['red']"), vec!["b", "c"]),
        ] {
            let parameters = json!({"filter": filter});
            let listed = call_with(&mut executor, "/list", NO_DOCUMENTS, parameters.clone()).unwrap();
            assert_eq!(ids(&listed.documents), expected, "{filter}");
            assert_eq!(listed.results.get("warning"), None, "{filter}");
            let counted = call_with(&mut executor, "/count", NO_DOCUMENTS, parameters.clone()).unwrap();
            assert_eq!(counted.results["count"], expected.len(), "{filter}");
            if name == "VectorIndexer" {
                let query = vec![document("q", &[0.0, 1.0])];
                let found = call_with(&mut executor, "/search", query, parameters).unwrap();
                let mut found: Vec<_> =
                    matches_of(&found.documents[0]).into_iter().map(|(id, _)| id).collect();
                found.sort();
                assert_eq!(found, expected, "{filter}");
            }
        }
        let deleted = json!({"filter": {"text": "hello"}});
        assert_eq!(call_with(&mut executor, "/delete", NO_DOCUMENTS, deleted).unwrap().results["deleted"], 1);
    }
}

#[test]
fn a_deletion_by_a_name_that_no_document_has_is_rejected_with_a_suggestion() {
    let directory = directory();
    for name in ["VectorIndexer", "DocumentStore"] {
        let mut executor = open(&directory.path().join(name), name, &json!({}));
        // Nothing is misspelt in an empty index.
        call_with(&mut executor, "/delete", NO_DOCUMENTS, json!({"filter": {"lang": "en"}})).unwrap();
        languages(&mut executor);
        for filter in [
            json!({"$not": {"lagn": "en"}}),
            json!({"lagn": {"$ne": "en"}}),
            json!({"lagn": {"$exists": false}}),
            json!({"lagn": "en"}),
            json!({"lang": "en", "$or": [{"lagn": "en"}, {"t": "2024"}]}),
            json!("not tags__lagn == 'en'"),
        ] {
            let refused = call_with(&mut executor, "/delete", NO_DOCUMENTS, json!({"filter": filter}));
            let refused = refused.unwrap_err().to_string();
            assert!(refused.contains("parameter `filter`: no stored document has `"), "{filter}: {refused}");
            assert!(refused.contains("did you mean `lang`?"), "{filter}: {refused}");
        }
        assert_eq!(call(&mut executor, "/count", NO_DOCUMENTS).results["count"], 3);
        let right = json!({"filter": {"$not": {"lang": "en"}}});
        assert_eq!(call_with(&mut executor, "/delete", NO_DOCUMENTS, right).unwrap().results["deleted"], 2);
    }
}

#[test]
fn a_search_by_a_name_that_no_document_has_is_answered_with_a_warning() {
    let directory = directory();
    let mut executor = open(directory.path(), "VectorIndexer", &json!({}));
    languages(&mut executor);
    let parameters = |filter: &Value| json!({"filter": filter});
    for filter in [
        json!({"lagn": "en"}),
        json!({"$not": {"lagn": "en"}}),
        json!({"tags__lagn": "en"}),
        json!({"$or": [{"lang": "en"}, {"lagn": "de"}]}),
        json!("lang == \"en\" or lagn == \"de\""),
    ] {
        for (endpoint, documents) in [
            ("/search", vec![document("q", &[0.0, 1.0])]),
            ("/list", Vec::new()),
            ("/filter", Vec::new()),
            ("/count", Vec::new()),
        ] {
            let answer = call_with(&mut executor, endpoint, documents, parameters(&filter)).unwrap();
            let warning = answer.results["warning"].as_str().unwrap();
            assert!(warning.contains("no stored document has") && warning.contains("`lang`"), "{warning}");
        }
    }
}

#[test]
fn a_rare_tag_in_one_shard_is_known_to_the_others() {
    let directory = directory();
    let mut executors = open_shards(directory.path(), "VectorIndexer", &json!({}), 2);
    let [with_tag, without] = &mut executors[..] else { panic!("there are two shards") };
    languages(with_tag);
    call(without, "/index", vec![document("d", &[0.0, 1.0])]);
    let filter = json!({"filter": {"$not": {"lang": "en"}}});
    assert_eq!(call_with(without, "/delete", NO_DOCUMENTS, filter).unwrap().results["deleted"], 1);
    let misspelt = json!({"filter": {"$not": {"lagn": "en"}}});
    for executor in [with_tag, without] {
        assert!(call_with(executor, "/delete", NO_DOCUMENTS, misspelt.clone()).is_err());
    }
}
