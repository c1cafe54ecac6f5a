//! Behaviour of `TextHashingEncoder`. Its quality is measured in `quality.rs`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Answer, Catalog, Context, Document, Value};
use flowrun_text::EXECUTORS;
use proptest::prelude::*;
use serde_json::json;

fn make(with: &Value) -> Result<ExecutorHarness, String> {
    let catalog = Catalog::new([EXECUTORS]);
    let kind = catalog.get("TextHashingEncoder").unwrap();
    ExecutorHarness::new(kind, with, Context::standalone(".")).map_err(|error| error.to_string())
}

fn encode(with: &Value, documents: Vec<Document>) -> Answer {
    make(with).unwrap().call("/index", documents, &Value::Null).unwrap()
}

fn vector(with: &Value, text: &str) -> Option<Vec<f32>> {
    let answer = encode(with, vec![Document::new("a").with_text(text)]);
    let embedding = answer.documents.first()?.embedding.as_ref().unwrap();
    Some(embedding.to_f32().unwrap().into_owned())
}

#[test]
fn stored_embeddings_stay_comparable() {
    // Computed independently in Python. If this test fails, existing indexes would return wrong results.
    let recorded =
        [-0.10533282, 0.38900962, -0.5673536, 0.38900962, 0.17834397, -0.07301115, -0.5673536, 0.07301115];
    assert_eq!(vector(&json!({"dimension": 8}), "Hello, hello wörld 42").unwrap(), recorded);
}

#[test]
fn embeddings_have_the_configured_dimension() {
    for dimension in [8, 100, 512, 65_536] {
        assert_eq!(vector(&json!({"dimension": dimension}), "hello").unwrap().len(), dimension);
    }
    assert_eq!(vector(&Value::Null, "hello").unwrap().len(), 512);
    for dimension in [0, 7, 65_537] {
        let message = format!("`dimension`: must be from 8 to 65536, but is {dimension}");
        assert_eq!(make(&json!({"dimension": dimension})).err(), Some(message));
    }
}

#[test]
fn a_document_that_cannot_be_encoded_fails_alone() {
    let documents = vec![
        Document::new("good").with_text("hello"),
        Document::new("marks").with_text("?!…").with_uri("marks.txt"),
        Document::new("bare"),
        Document::new("long").with_text("hello hello hello"),
        Document::new("full").with_text("hello, my hello!"),
    ];
    let answer = encode(&json!({"bytes_max": 16}), documents);
    let ids: Vec<&str> = answer.documents.iter().map(|document| document.id.as_str()).collect();
    assert_eq!(ids, ["good", "full"]);
    let failures: Vec<(&str, &str)> =
        answer.failures.iter().map(|failure| (failure.label.as_str(), failure.error.message())).collect();
    assert_eq!(
        failures,
        [
            ("marks.txt", "the text has neither letters nor digits"),
            ("bare", "the document has no text"),
            ("long", "the text has 17 bytes, more than the 16 allowed"),
        ]
    );
}

#[test]
fn access_paths_select_chunks_to_encode() {
    let mut document = Document::new("a");
    document.chunks = [document.new_chunk(0).with_text("hello")].into_iter().collect();
    let answer = encode(&json!({"access_paths": "@c"}), vec![document]);
    assert!(answer.documents[0].embedding.is_none());
    assert!(answer.documents[0].chunks[0].embedding.is_some());
}

proptest! {
    #[test]
    fn any_text_either_fails_alone_or_gets_an_embedding_of_length_one(text: String) {
        let answer = encode(&json!({"dimension": 16}), vec![Document::new("a").with_text(text)]);
        prop_assert_eq!(answer.documents.len() + answer.failures.len(), 1);
        if let Some(document) = answer.documents.first() {
            let elements = document.embedding.as_ref().unwrap().to_f64().unwrap();
            let norm: f64 = elements.iter().map(|element| element * element).sum();
            prop_assert!((norm - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn embeddings_are_independent_of_word_order(
        (words, shuffled) in proptest::collection::vec("[a-z]{1,8}", 1..10)
            .prop_flat_map(|words| (Just(words.clone()), Just(words).prop_shuffle())),
    ) {
        prop_assert_eq!(vector(&Value::Null, &words.join(" ")), vector(&Value::Null, &shuffled.join(", ")));
    }
}
