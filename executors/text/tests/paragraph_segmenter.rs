//! Behaviour of `ParagraphSegmenter`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Answer, Catalog, Context, Document, Value};
use flowrun_text::EXECUTORS;
use serde_json::json;

fn make(with: &Value) -> Result<ExecutorHarness, String> {
    let catalog = Catalog::new([EXECUTORS]);
    let kind = catalog.get("ParagraphSegmenter").unwrap();
    ExecutorHarness::new(kind, with, Context::standalone(".")).map_err(|error| error.to_string())
}

fn segment(with: &Value, text: &str) -> Answer {
    let document = Document::new("a").with_text(text).with_uri("notes.md");
    make(with).unwrap().call("/index", vec![document], &Value::Null).unwrap()
}

#[test]
fn each_paragraph_becomes_a_chunk_with_its_position_and_uri() {
    let text = "# Café\n\nA paragraph of\ntwo lines.\n\nAnd another one.";
    let answer = segment(&json!({"characters_min": 10}), text);
    let chunks = &answer.documents[0].chunks;
    let texts: Vec<&str> = chunks.iter().map(|chunk| chunk.text.as_deref().unwrap()).collect();
    assert_eq!(texts, ["A paragraph of two lines.", "And another one."]);
    let last = &chunks[1];
    assert_eq!((last.id.as_str(), last.parent_id.as_str(), last.uri.as_str()), ("a#1", "a", "notes.md"));
    let [start, end] = [0, 1].map(|index| last.location[index] as usize);
    // Positions count characters, not bytes.
    assert_eq!(text.chars().skip(start).take(end - start).collect::<String>(), "And another one.");
    assert_eq!((last.offset, &last.tags["siblings"]), (Some(1.0), &json!(2)));
}

#[test]
fn too_many_paragraphs_and_contradictory_bounds_are_errors() {
    let answer = segment(&json!({"chunks_max": 1}), "a\n\nb");
    assert_eq!(answer.failures[0].error.message(), "the text has more than 1 paragraphs; raise `chunks_max`");
    let error = make(&json!({"characters_min": 10, "characters_max": 9})).err().unwrap();
    assert!(error.contains("`characters_max`: must be at least 1, and at least `characters_min`"), "{error}");
}
