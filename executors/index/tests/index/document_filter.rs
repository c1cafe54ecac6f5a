//! `filter_tag`: filters that searched documents bring, and dropping their conditions until something matches.

use flowrun_sdk::filter::RELAXED_TAG;
use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Document, Value};
use serde_json::json;

use crate::harness::{call, call_with, directory, document, failures, matches_of, open};

/// An index of 40 points on a line, with the tags `n` from 0 to 39 and `parity`.
fn index(base: &std::path::Path, with: &Value) -> ExecutorHarness {
    let mut executor = open(base, "VectorIndexer", with);
    let stored = (0..40_u8).map(|number| {
        let parity = if number % 2 == 0 { "even" } else { "odd" };
        document(&format!("{number:02}"), &[f32::from(number), 1.0])
            .with_tag("n", number)
            .with_tag("parity", parity)
    });
    call(&mut executor, "/index", stored.collect());
    executor
}

fn with() -> Value {
    json!({"metric": "euclidean", "fsync": "never", "filter_tag": "filter", "top_k": 3})
}

fn query(id: &str, at: f32, filter: Value) -> Document {
    document(id, &[at, 1.0]).with_tag("filter", filter)
}

fn ids(document: &Document) -> Vec<&str> {
    document.matches.iter().map(|found| found.id.as_str()).collect()
}

#[test]
fn each_document_is_searched_with_its_own_filter() {
    let directory = directory();
    let mut executor = index(directory.path(), &with());
    let queries = vec![
        query("a", 0.0, json!(["n >= 10", "parity == \"odd\""])),
        document("b", &[0.0, 1.0]),
        query("c", 0.0, json!("n > 20")),
        query("d", 0.0, json!({"n": {"$gte": 5}})),
        query("e", 0.0, json!(["n >= 10", "parity == \"odd\""])),
        query("f", 0.0, json!([])),
        query("g", 0.0, Value::Null),
    ];
    let answer = call(&mut executor, "/search", queries.clone());
    let found: Vec<Vec<&str>> = answer.documents.iter().map(ids).collect();
    let nearest = vec!["00", "01", "02"];
    let odd = vec!["11", "13", "15"];
    let expected = [
        odd.clone(),
        nearest.clone(),
        vec!["21", "22", "23"],
        vec!["05", "06", "07"],
        odd,
        nearest.clone(),
        nearest,
    ];
    assert_eq!(found, expected);
    assert!(answer.documents.iter().all(|document| !document.tags.contains_key(RELAXED_TAG)));
    // The filter of the request holds for all, and is never dropped.
    let answer = call_with(&mut executor, "/search", queries, json!({"filter": "n < 12"})).unwrap();
    let found: Vec<Vec<&str>> = answer.documents.iter().map(ids).collect();
    assert_eq!(
        (&found[0], &found[1], &found[3]),
        (&vec!["11"], &vec!["00", "01", "02"], &vec!["05", "06", "07"])
    );
    assert!(found[2].is_empty(), "a single filter is not relaxed");
}

#[test]
fn conditions_without_a_match_are_dropped_and_reported() {
    let directory = directory();
    let mut executor = index(directory.path(), &with());
    let (early, none, odd) = ("n < 5", "colour == \"red\"", "parity == \"odd\"");
    for (conditions, expected, step, without) in [
        (vec![early, none, odd], vec!["01", "03"], 2, vec![none]),
        (vec![early, odd, none], vec!["01", "03"], 1, vec![none]),
        (vec![none, early, odd], vec!["01", "03"], 3, vec![none]),
        (vec![early, none, "n > 50"], vec!["04", "03", "02"], 4, vec![none, "n > 50"]),
        (vec![none], vec!["30", "29", "31"], 1, vec![none]),
    ] {
        let answer = call(&mut executor, "/search", vec![query("q", 30.0, json!(conditions))]);
        let mut found = ids(&answer.documents[0]);
        found.sort_by_key(|id| (id.parse::<i32>().unwrap() - 30).abs());
        let mut expected = expected;
        expected.sort_by_key(|id| (id.parse::<i32>().unwrap() - 30).abs());
        assert_eq!(found, expected, "{conditions:?}");
        let report = &answer.documents[0].tags[RELAXED_TAG];
        assert_eq!((&report["step"], &report["without"]), (&json!(step), &json!(without)), "{conditions:?}");
        assert!(answer.results["warning"].as_str().unwrap().contains("no stored document has `colour`"));
    }
}

#[test]
fn matches_beyond_the_largest_distance_are_no_result() {
    let directory = directory();
    let mut executor = index(directory.path(), &with());
    let queries = vec![query("q", 0.0, json!(["n < 30", "n >= 10"]))];
    let answer = call_with(&mut executor, "/search", queries.clone(), json!({"max_distance": 5})).unwrap();
    assert_eq!(ids(&answer.documents[0]), ["00", "01", "02"]);
    assert_eq!(answer.documents[0].tags[RELAXED_TAG]["without"], json!(["n >= 10"]));
    let far = vec![query("q", 500.0, json!(["n < 30", "n >= 10"]))];
    let answer = call_with(&mut executor, "/search", far, json!({"max_distance": 5})).unwrap();
    assert!(answer.documents[0].matches.is_empty());
    assert_eq!(answer.documents[0].tags[RELAXED_TAG]["without"], json!(["n < 30", "n >= 10"]));
}

#[test]
fn a_document_without_an_embedding_gets_the_documents_that_match_its_filter() {
    let directory = directory();
    let mut executor = index(directory.path(), &with());
    let text = |id: &str, filter: Value| Document::new(id).with_text("a text").with_tag("filter", filter);
    let queries = vec![
        text("listed", json!(["n >= 17", "parity == \"odd\""])),
        query("near", 39.0, json!(["n >= 17", "parity == \"odd\""])),
        text("relaxed", json!(["n >= 38", "n == 1"])),
        Document::new("plain").with_text("a text"),
    ];
    let answer = call(&mut executor, "/search", queries);
    let found: Vec<Vec<&str>> = answer.documents.iter().map(ids).collect();
    assert_eq!(found, [vec!["17", "19", "21"], vec!["39", "37", "35"], vec!["38", "39"]]);
    assert!(answer.documents[0].matches.iter().all(|found| found.score().is_none() && found.adjacency == 1));
    assert_eq!(matches_of(&answer.documents[1])[0].1, 0.0);
    let [(label, error)] = &failures(&answer)[..] else { panic!("one document fails") };
    assert!(label == "plain" && error.contains("no embedding"), "{error}");
}

#[test]
fn a_document_with_an_invalid_filter_fails_alone() {
    let directory = directory();
    let mut executor = index(
        directory.path(),
        &json!({"fsync": "never", "filter_tag": "filter", "columns": {"n": "int"}, "metric": "euclidean"}),
    );
    let queries = vec![
        query("bad", 0.0, json!(["n >="])),
        query("good", 0.0, json!(["n >= 3"])),
        query("other", 0.0, json!("m == 1")),
    ];
    let answer = call(&mut executor, "/search", queries);
    assert_eq!(ids(&answer.documents[0])[0], "03");
    let failures = failures(&answer);
    let expected =
        [("bad", "condition 0: has the end where"), ("other", "`m` is not a column; `columns` has n")];
    for ((label, error), (expected, cause)) in failures.iter().zip(expected) {
        assert!(
            label == expected && error.contains("the tag `filter` (`filter_tag`)") && error.contains(cause),
            "{error}"
        );
    }
    assert_eq!(failures.len(), 2);
}

#[test]
fn the_tag_is_ignored_unless_it_is_configured() {
    let directory = directory();
    let mut executor = index(directory.path(), &json!({"metric": "euclidean", "fsync": "never", "top_k": 2}));
    let answer = call(&mut executor, "/search", vec![query("q", 0.0, json!("n >="))]);
    assert_eq!(ids(&answer.documents[0]), ["00", "01"]);
}

#[test]
fn a_request_has_a_bounded_number_of_different_filters() {
    let directory = directory();
    let mut executor = index(directory.path(), &with());
    let queries =
        (0..300).map(|number| query(&format!("q{number}"), 0.0, json!(format!("n >= {}", number % 290))));
    let answer = call(&mut executor, "/search", queries.collect());
    let failures = failures(&answer);
    assert_eq!((answer.documents.len(), failures.len()), (266, 34));
    assert!(failures.iter().all(|(_, error)| error.contains("256 different filters")), "{failures:?}");
}
