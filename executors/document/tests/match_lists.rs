//! `TopK`, `SortMatches`, `GroupMatches` and `ReverseMatches`.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use flowrun_document::EXECUTORS;
use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Catalog, Context, Document, NamedScore, Value};
use proptest::prelude::*;
use serde_json::json;

fn open(name: &str, with: &Value) -> ExecutorHarness {
    let catalog = Catalog::new([EXECUTORS]);
    ExecutorHarness::new(catalog.get(name).unwrap(), with, Context::standalone(".")).unwrap()
}

/// Ids of the matches after the call.
fn resulting_ids(executor: &mut ExecutorHarness, matches: Vec<Document>, parameters: &Value) -> Vec<String> {
    let mut document = Document::new("a");
    document.matches = matches.into();
    let answer = executor.call("/search", vec![document], parameters).unwrap();
    answer.documents[0].matches.iter().map(|document| document.id.clone()).collect()
}

fn found(id: &str, scores: &[(&str, f32)]) -> Document {
    let mut document = Document::new(id);
    document.scores =
        scores.iter().map(|(name, value)| ((*name).to_owned(), NamedScore::new(*value, "test"))).collect();
    document
}

fn numbered(count: usize) -> Vec<Document> {
    (0..count).map(|number| Document::new(number.to_string())).collect()
}

#[test]
fn the_request_overrides_top_k_of_the_flow() {
    let mut executor = open("TopK", &json!({"top_k": 2}));
    assert_eq!(resulting_ids(&mut executor, numbered(4), &Value::Null), ["0", "1"]);
    assert_eq!(resulting_ids(&mut executor, numbered(4), &json!({"top_k": 3})), ["0", "1", "2"]);
    assert_eq!(resulting_ids(&mut executor, numbered(4), &json!({"limit": 0})), [""; 0]);
}

#[test]
fn top_k_keeps_all_matches_by_default() {
    let mut executor = open("TopK", &Value::Null);
    assert_eq!(resulting_ids(&mut executor, numbered(1000), &Value::Null).len(), 1000);
    let error = executor.call("/search", vec![Document::new("a")], &json!({"top_k": -1})).unwrap_err();
    assert_eq!(error.to_string(), "parameter `top_k`: must be an integer ≥ 0, but is `-1`");
}

#[test]
fn access_paths_select_the_truncated_matches() {
    let mut document = Document::new("a");
    let mut chunk = document.new_chunk(0);
    chunk.matches = numbered(3).into();
    document.matches = numbered(3).into();
    document.chunks = [chunk].into_iter().collect();
    let mut executor = open("TopK", &json!({"top_k": 1, "access_paths": "@c"}));
    let answer = executor.call("/search", vec![document], &Value::Null).unwrap();
    let document = &answer.documents[0];
    assert_eq!((document.matches.len(), document.chunks[0].matches.len()), (3, 1));
}

#[test]
fn matches_without_the_score_are_last_in_either_order() {
    let matches = || {
        vec![
            found("none", &[]),
            found("nan", &[("x", f32::NAN), ("y", 0.0)]),
            found("b", &[("x", 2.0), ("y", -1.0)]),
            found("a", &[("x", 2.0)]),
            found("c", &[("x", -1.0), ("y", 7.0)]),
        ]
    };
    let mut ascending = open("SortMatches", &Value::Null);
    assert_eq!(resulting_ids(&mut ascending, matches(), &Value::Null), ["c", "a", "b", "nan", "none"]);
    let mut descending = open("SortMatches", &json!({"order": "descending"}));
    assert_eq!(resulting_ids(&mut descending, matches(), &Value::Null), ["a", "b", "c", "nan", "none"]);
    let mut named = open("SortMatches", &json!({"score": "y", "order": "descending"}));
    assert_eq!(resulting_ids(&mut named, matches(), &Value::Null), ["c", "nan", "b", "a", "none"]);
}

#[test]
fn negative_zero_equals_zero_in_the_order() {
    let matches = vec![found("b", &[("x", -0.0)]), found("a", &[("x", 0.0)])];
    assert_eq!(resulting_ids(&mut open("SortMatches", &Value::Null), matches, &Value::Null), ["a", "b"]);
}

/// Matches with distinct ids, and scores that often tie, are missing or NaN.
fn matches() -> impl Strategy<Value = Vec<Document>> {
    let score =
        prop_oneof![Just(None), Just(Some(f32::NAN)), (-3..3_i8).prop_map(|score| Some(f32::from(score)))];
    proptest::collection::vec(score, 0..20).prop_map(|scores| {
        let scored = |(number, score): (usize, Option<f32>)| {
            found(&format!("{number:02}"), &score.map(|score| ("x", score)).into_iter().collect::<Vec<_>>())
        };
        scores.into_iter().enumerate().map(scored).collect()
    })
}

proptest! {
    #[test]
    fn the_sorted_order_does_not_depend_on_the_input_order(
        (original, shuffled) in matches().prop_flat_map(|matches| (Just(matches.clone()), Just(matches).prop_shuffle())),
        order in prop_oneof![Just("ascending"), Just("descending")],
    ) {
        let mut executor = open("SortMatches", &json!({"order": order}));
        let sorted = resulting_ids(&mut executor, original, &Value::Null);
        prop_assert_eq!(resulting_ids(&mut executor, shuffled, &Value::Null), sorted);
    }

    #[test]
    fn reversing_twice_changes_nothing(matches in matches()) {
        let ids: Vec<String> = matches.iter().map(|found| found.id.clone()).collect();
        let mut executor = open("ReverseMatches", &Value::Null);
        let once = resulting_ids(&mut executor, matches, &Value::Null);
        prop_assert!(once.iter().eq(ids.iter().rev()));
        let again = once.iter().map(Document::new).collect();
        prop_assert_eq!(resulting_ids(&mut executor, again, &Value::Null), ids);
    }

    #[test]
    fn a_truncated_list_is_a_prefix(count in 0..12_usize, top_k in 0..15_usize) {
        let mut executor = open("TopK", &json!({"top_k": top_k}));
        let expected: Vec<String> = (0..count.min(top_k)).map(|number| number.to_string()).collect();
        prop_assert_eq!(resulting_ids(&mut executor, numbered(count), &Value::Null), expected);
    }
}

#[test]
fn matches_with_an_equal_tag_become_one_at_the_position_of_the_first() {
    let frame =
        |id: &str, video: Value, distance: f32| found(id, &[("x", distance)]).with_tag("video", video);
    let matches = || {
        vec![
            frame("a1", json!("a"), 0.1),
            frame("3", json!(3), 0.2),
            found("alone", &[("x", 0.3)]),
            frame("a2", json!("a"), 0.4),
            frame("3.0", json!(3.0), 0.5),
            frame("null", Value::Null, 0.6),
            frame("a3", json!("a"), 0.7),
        ]
    };
    let mut all = open("GroupMatches", &json!({"tag": "video"}));
    assert_eq!(resulting_ids(&mut all, matches(), &Value::Null), ["a", "3", "alone", "null"]);
    assert_eq!(resulting_ids(&mut all, matches(), &json!({"top_k": 1})), ["a"]);
    let mut two = open("GroupMatches", &json!({"tag": "video", "per_group": 2}));
    let mut document = Document::new("q");
    document.matches = matches().into();
    let answer = two.call("/search", vec![document], &Value::Null).unwrap();
    let groups: Vec<(f32, Vec<&str>)> = answer.documents[0]
        .matches
        .iter()
        .map(|group| (group.score().unwrap().value, group.matches.iter().map(|found| &*found.id).collect()))
        .collect();
    assert_eq!(groups, [(0.1, vec!["a1", "a2"]), (0.2, vec!["3", "3.0"]), (0.3, vec![]), (0.6, vec![])]);
    assert_eq!(answer.documents[0].matches[0].tags["video"], "a");
}
