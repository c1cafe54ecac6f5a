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

/// A frame of a video, as `VideoSegmenter` describes it.
fn frame(id: &str, time: f64, scene: (u32, f64, f64)) -> Document {
    let (number, start, end) = scene;
    found(id, &[("x", 1.0)])
        .with_tag("video_id", "v")
        .with_tag("timestamp", time)
        .with_tag("scene_number", number)
        .with_tag("scene_start", start)
        .with_tag("scene_end", end)
}

/// Ranges of one video: id, start, end and number of frames of each.
fn ranges(with: &Value, frames: Vec<Document>) -> Vec<(String, f64, f64, u64)> {
    let mut document = Document::new("q");
    document.matches = frames.into();
    let answer = open("GroupMatches", with).call("/search", vec![document], &Value::Null).unwrap();
    let range = |found: &Document| {
        let time = |name: &str| found.tags.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN);
        let count = found.tags.get("frames").and_then(Value::as_u64).unwrap_or(0);
        (found.id.clone(), time("start"), time("end"), count)
    };
    assert_eq!(answer.documents[0].matches.len(), 1);
    answer.documents[0].matches[0].matches.iter().map(range).collect()
}

#[test]
fn frames_of_one_scene_become_a_range_with_the_id_scores_and_time_of_the_best() {
    let (bridge, beach) = ((4, 425.0, 432.5), (9, 610.25, 611.0));
    let frames = || {
        vec![
            frame("b2", 430.0, bridge),
            frame("c1", 610.5, beach),
            frame("b1", 427.5, bridge).with_tag("scene_number", 4.0),
            frame("alone", 3.0, bridge).with_tag("scene_number", Value::Null),
            frame("b3", 432.0, bridge),
        ]
    };
    let with = json!({"tag": "video_id", "ranges": "scenes"});
    let found = ranges(&with, frames());
    assert_eq!(found[..2], [("b2".to_owned(), 425.0, 432.5, 3), ("c1".to_owned(), 610.25, 611.0, 1)]);
    assert_eq!((found.len(), found[2].0.as_str(), found[2].3), (3, "alone", 0));
    let one = ranges(&json!({"tag": "video_id", "ranges": "scenes", "per_group": 1}), frames());
    assert_eq!(one, [("b2".to_owned(), 425.0, 432.5, 3)]);
    // The frames stay single by default.
    assert_eq!(ranges(&json!({"tag": "video_id"}), frames()).len(), 5);
}

#[test]
fn frames_closer_than_the_gap_become_a_range_from_the_first_to_the_last() {
    let times = [428.0, 60.0, 425.0, 431.5, 58.0, 437.0];
    let frames = || times.iter().map(|time| frame(&time.to_string(), *time, (0, 0.0, 900.0))).collect();
    let ranges = |gap: f64| ranges(&json!({"tag": "video_id", "ranges": "times", "gap": gap}), frames());
    assert_eq!(
        ranges(5.0),
        [
            ("428".to_owned(), 425.0, 431.5, 3),
            ("60".to_owned(), 58.0, 60.0, 2),
            ("437".to_owned(), 437.0, 437.0, 1),
        ]
    );
    assert_eq!(ranges(5.5)[0], ("428".to_owned(), 425.0, 437.0, 4));
    assert_eq!(ranges(0.0).len(), times.len());
}

proptest! {
    #[test]
    fn ranges_hold_every_frame_once_and_their_best_frame(
        times in proptest::collection::vec(0..200_u16, 0..40),
        gap in 0..20_u16,
    ) {
        let frames: Vec<Document> = times
            .iter()
            .enumerate()
            .map(|(rank, time)| frame(&rank.to_string(), f64::from(*time), (0, 0.0, 0.0)))
            .collect();
        prop_assume!(!frames.is_empty());
        let found = ranges(&json!({"tag": "video_id", "ranges": "times", "gap": gap}), frames);
        prop_assert_eq!(found.iter().map(|(.., count)| *count).sum::<u64>(), times.len() as u64);
        for (id, start, end, _) in &found {
            let time = f64::from(times[id.parse::<usize>().unwrap()]);
            prop_assert!((*start..=*end).contains(&time));
        }
        // Two ranges are further apart than the gap.
        let mut sorted: Vec<(f64, f64)> = found.iter().map(|(_, start, end, _)| (*start, *end)).collect();
        sorted.sort_by(|one, other| one.0.total_cmp(&other.0));
        prop_assert!(sorted.windows(2).all(|pair| pair[1].0 - pair[0].1 > f64::from(gap)));
    }
}
