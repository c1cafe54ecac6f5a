//! `BiMatchRanker` ranks a recorded search of Jina 0.1.14's GIF example like Jina did.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use flowrun_rank::EXECUTORS;
use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Catalog, Context, Document, NamedScore, Value};

/// Embeddings of the frames of a clip.
type Frames = Vec<Vec<f64>>;

fn clips(recorded: &Value) -> Vec<(String, Frames)> {
    let numbers = |frame: &Value| frame.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    let frames = |clip: &Value| clip["emb"].as_array().unwrap().iter().map(numbers).collect();
    recorded["docs"].as_object().unwrap().iter().map(|(name, clip)| (name.clone(), frames(clip))).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "document scores have single precision")]
fn euclidean(left: &[f64], right: &[f64]) -> f32 {
    left.iter().zip(right).map(|(left, right)| (left - right).powi(2)).sum::<f64>().sqrt() as f32
}

/// Every frame of every clip as a match of one frame, like an exhaustive search returns them.
fn found(frame: &[f64], clips: &[(String, Frames)]) -> Vec<Document> {
    let matches_of_clip = |(name, frames): &(String, Frames)| {
        let clip = Document::new(name);
        let found = |(number, stored): (usize, &Vec<f64>)| {
            let mut found = clip.new_chunk(number).with_tag("siblings", frames.len());
            let score = NamedScore::new(euclidean(frame, stored), "Indexer");
            found.scores.insert("euclidean".to_owned(), score);
            found
        };
        frames.iter().enumerate().map(found).collect::<Vec<_>>()
    };
    clips.iter().flat_map(matches_of_clip).collect()
}

fn query(frames: &Frames, clips: &[(String, Frames)]) -> Document {
    let mut query = Document::new("query");
    let chunk = |(number, frame): (usize, &Vec<f64>)| Document {
        matches: found(frame, clips).into(),
        ..query.new_chunk(number)
    };
    query.chunks = frames.iter().enumerate().map(chunk).collect();
    query
}

#[test]
fn clips_are_ranked_like_in_the_recorded_search() {
    let recorded: Value =
        serde_json::from_str(include_str!("../../../tests/oracles/tumblr_e2e_jina0.1.14.json")).unwrap();
    let clips = clips(&recorded);
    let catalog = Catalog::new([EXECUTORS]);
    let executor_type = catalog.get("BiMatchRanker").unwrap();
    let mut executor = ExecutorHarness::new(executor_type, &Value::Null, Context::standalone(".")).unwrap();
    let results = recorded["results"].as_array().unwrap();
    assert_eq!(results.len(), 6);
    for result in results {
        let (_, frames) = clips.iter().find(|(name, _)| result["q"] == name.as_str()).unwrap();
        let answer = executor.call("/search", vec![query(frames, &clips)], &Value::Null).unwrap();
        let ranked = &answer.documents[0].matches;
        let expected = result["res"].as_array().unwrap();
        assert_eq!(ranked.len(), expected.len());
        for (found, expected) in ranked.iter().zip(expected) {
            assert_eq!(found.id, expected[0].as_str().unwrap(), "searching for {}", result["q"]);
            let score = f64::from(found.scores["BiMatchRanker"].value);
            let expected = expected[2].as_f64().unwrap();
            assert!((score - expected).abs() <= 1e-6, "{score} is not {expected}");
        }
    }
}
