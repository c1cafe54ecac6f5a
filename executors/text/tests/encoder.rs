//! What `TextHashingEncoder` promises beside its quality.
#![expect(clippy::unwrap_used, reason = "a test that cannot get ready has failed")]

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
    // Computed apart from this crate, in Python. Should this fail, indexes made before would answer wrongly.
    let recorded =
        [-0.10533282, 0.38900962, -0.5673536, 0.38900962, 0.17834397, -0.07301115, -0.5673536, 0.07301115];
    assert_eq!(vector(&json!({"dimension": 8}), "Hello, hello wörld 42").unwrap(), recorded);
}

#[test]
fn an_embedding_has_the_length_that_was_asked_for() {
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
fn chunks_are_encoded_where_the_paths_lead_to_them() {
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
    fn the_order_of_words_makes_no_difference(
        (words, shuffled) in proptest::collection::vec("[a-z]{1,8}", 1..10)
            .prop_flat_map(|words| (Just(words.clone()), Just(words).prop_shuffle())),
    ) {
        prop_assert_eq!(vector(&Value::Null, &words.join(" ")), vector(&Value::Null, &shuffled.join(", ")));
    }
}
