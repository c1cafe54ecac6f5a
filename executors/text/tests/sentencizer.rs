//! Behaviour of `Sentencizer`.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Answer, Catalog, Context, Document, ErrorKind, Value};
use flowrun_text::EXECUTORS;
use serde_json::json;

fn make(with: &Value) -> Result<ExecutorHarness, String> {
    let catalog = Catalog::new([EXECUTORS]);
    let kind = catalog.get("Sentencizer").unwrap();
    ExecutorHarness::new(kind, with, Context::standalone(".")).map_err(|error| error.to_string())
}

fn segment(with: &Value, documents: Vec<Document>) -> Answer {
    make(with).unwrap().call("/index", documents, &Value::Null).unwrap()
}

fn texts(with: &Value, text: &str) -> Vec<String> {
    let answer = segment(with, vec![Document::new("a").with_text(text)]);
    let texts = answer.documents[0].chunks.iter().map(|chunk| chunk.text.as_deref().unwrap().to_owned());
    texts.collect()
}

#[test]
fn each_sentence_becomes_a_chunk_with_its_position() {
    let document = Document::new("a").with_text("Größe? Ja. Nein!");
    let answer = segment(&json!({"min_sent_len": 4}), vec![document.clone()]);
    let chunk = |number: u8, text: &str, location: [f32; 2]| {
        let mut chunk = document.new_chunk(number).with_text(text).with_tag("siblings", 2);
        chunk.weight = Some(1.0);
        chunk.offset = Some(f32::from(number));
        chunk.location = location.to_vec();
        chunk
    };
    // The second sentence is too short; its number is skipped.
    let expected = [chunk(0, "Größe?", [0.0, 6.0]), chunk(2, "Nein!", [11.0, 16.0])];
    assert_eq!(*answer.documents[0].chunks, expected);
    assert_eq!(answer.documents[0].text, document.text);
}

#[test]
fn long_sentences_are_truncated_and_short_ones_dropped() {
    let with = json!({"min_sent_len": 3, "max_sent_len": 4});
    assert_eq!(texts(&with, "Ab. A. Abcdef. B"), ["Ab.", "Abcd"]);
    assert_eq!(texts(&Value::Null, &"a".repeat(600)), ["a".repeat(512)]);
}

#[test]
fn punctuation_is_configurable() {
    for marks in [json!(";"), json!([";"])] {
        assert_eq!(texts(&json!({"punct_chars": marks}), "a. b; c\nd"), ["a. b;", "c\nd"]);
    }
    assert_eq!(texts(&json!({"punct_chars": null}), "a. b"), ["a.", "b"]);
}

#[test]
fn a_text_without_sentences_has_no_chunks() {
    let mut document = Document::new("a").with_text(" ...\n");
    document.chunks = [Document::new("stale")].into_iter().collect();
    let answer = segment(&Value::Null, vec![document]);
    assert_eq!((answer.failures.len(), answer.documents[0].chunks.len()), (0, 0));
}

#[test]
fn a_document_that_cannot_be_segmented_fails_alone() {
    let documents = vec![
        Document::new("good").with_text("A. B."),
        Document::new("bare"),
        Document::new("many").with_text("A. B. C."),
        Document::new("full").with_text("a".repeat(1 << 24)),
        Document::new("huge").with_text("a".repeat((1 << 24) + 1)),
    ];
    let answer = segment(&json!({"chunks_max": 2}), documents);
    let chunks: Vec<usize> = answer.documents.iter().map(|document| document.chunks.len()).collect();
    assert_eq!(chunks, [2, 1]);
    let failures: Vec<(&str, &str)> =
        answer.failures.iter().map(|failure| (failure.label.as_str(), failure.error.message())).collect();
    assert_eq!(
        failures,
        [
            ("bare", "the document has no text"),
            ("many", "the text has more than 2 sentences; raise `chunks_max`"),
            ("huge", "the text has 16777217 bytes, more than the 16777216 allowed"),
        ]
    );
}

#[test]
fn a_text_whose_sentences_exceed_the_memory_budget_fails_alone() {
    let documents =
        [2, 60_000, 3].map(|count| Document::new(count.to_string()).with_text("a.".repeat(count)));
    let mut bench = make(&Value::Null).unwrap().with_bytes_max(150_000);
    let answer = bench.call("/index", documents.to_vec(), &Value::Null).unwrap();
    let chunks: Vec<usize> = answer.documents.iter().map(|document| document.chunks.len()).collect();
    assert_eq!((chunks, answer.failures.len()), (vec![2, 3], 1));
    assert_eq!(answer.failures[0].error.kind(), ErrorKind::Resource);
}

#[test]
fn bounds_that_keep_nothing_are_rejected() {
    let error = |with: &Value| make(with).err().unwrap();
    let message = |least, length| {
        format!("`max_sent_len`: must be at least 1, and at least `min_sent_len` ({least}), but is {length}")
    };
    assert_eq!(error(&json!({"min_sent_len": 9, "max_sent_len": 8})), message(9, 8));
    assert_eq!(error(&json!({"min_sent_len": 0, "max_sent_len": 0})), message(0, 0));
}
