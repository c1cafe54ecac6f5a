//! `ExcludeFields` and `SelectFields`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use flowrun_document::EXECUTORS;
use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Answer, Catalog, Context, Document, NamedScore, Tensor, Value};
use proptest::prelude::*;
use serde_json::json;

const FIELDS: [&str; 14] = [
    "embedding",
    "tensor",
    "blob",
    "text",
    "chunks",
    "matches",
    "tags",
    "uri",
    "mime_type",
    "scores",
    "weight",
    "location",
    "offset",
    "modality",
];

fn call(name: &str, with: &Value, documents: Vec<Document>, parameters: &Value) -> Answer {
    let catalog = Catalog::new([EXECUTORS]);
    let mut executor =
        ExecutorHarness::new(catalog.get(name).unwrap(), with, Context::standalone(".")).unwrap();
    executor.call("/any", documents, parameters).unwrap()
}

/// A document with every field set.
fn full(id: &str) -> Document {
    let mut document = Document::new(id).with_text("t").with_blob(&b"b"[..]).with_uri("u").with_tag("n", 1);
    document.parent_id = "parent".to_owned();
    document.granularity = 1;
    document.adjacency = 2;
    document.weight = Some(0.5);
    document.mime_type = "image/gif".to_owned();
    document.tensor = Some(Tensor::vector(vec![1.0]));
    document.embedding = Some(Tensor::vector(vec![2.0]));
    document.scores.insert("cosine".to_owned(), NamedScore::new(0.25, "Indexer"));
    document.location = vec![1.0];
    document.offset = Some(2.0);
    document.modality = "image".to_owned();
    document.chunks = [document.new_chunk(0).with_blob(&b"c"[..])].into_iter().collect();
    document.matches = [Document::new("m").with_text("found")].into_iter().collect();
    document
}

/// Names of the fields that are set.
fn keys(document: &Document) -> Vec<String> {
    serde_json::to_value(document).unwrap().as_object().unwrap().keys().cloned().collect()
}

#[test]
fn exclude_fields_clears_only_the_named_field() {
    for field in FIELDS {
        let answer = call("ExcludeFields", &json!({"fields": [field]}), vec![full("a")], &Value::Null);
        let left: Vec<String> = keys(&full("a")).into_iter().filter(|key| key != field).collect();
        assert_eq!(keys(&answer.documents[0]), left, "{field}");
    }
}

#[test]
fn select_fields_keeps_the_named_field_identity_and_position() {
    for field in FIELDS {
        let answer = call("SelectFields", &json!({"fields": [field]}), vec![full("a")], &Value::Null);
        let kept = ["id", "parent_id", "granularity", "adjacency", field];
        let left: Vec<String> =
            keys(&full("a")).into_iter().filter(|key| kept.contains(&key.as_str())).collect();
        assert_eq!(keys(&answer.documents[0]), left, "{field}");
        assert_eq!(left.len(), kept.len());
    }
}

#[test]
fn access_paths_select_the_documents_and_requests_override_them() {
    let with = json!({"fields": ["blob"], "access_paths": "@c"});
    let answer = call("ExcludeFields", &with, vec![full("a")], &Value::Null);
    assert!(answer.documents[0].blob.is_some() && answer.documents[0].chunks[0].blob.is_none());

    let answer = call("ExcludeFields", &with, vec![full("a")], &json!({"access_paths": ["r"]}));
    assert!(answer.documents[0].blob.is_none() && answer.documents[0].chunks[0].blob.is_some());
}

#[test]
fn unknown_fields_are_rejected_with_the_list_of_fields() {
    let catalog = Catalog::new([EXECUTORS]);
    for name in ["ExcludeFields", "SelectFields"] {
        let executor_type = catalog.get(name).unwrap();
        let open_error = |with: &Value| {
            ExecutorHarness::new(executor_type, with, Context::standalone(".")).err().unwrap().to_string()
        };
        let message = open_error(&json!({"fields": ["blobs"]}));
        assert!(FIELDS.iter().all(|field| message.contains(&format!("`{field}`"))), "{message}");
        assert_eq!(open_error(&json!({})), "parameter `fields` is required");
    }
}

proptest! {
    #[test]
    fn selecting_fields_equals_excluding_the_others(chosen in proptest::sample::subsequence(&FIELDS, 0..=14)) {
        let others: Vec<&str> = FIELDS.into_iter().filter(|field| !chosen.contains(field)).collect();
        let selected = call("SelectFields", &json!({"fields": chosen}), vec![full("a")], &Value::Null);
        let excluded = call("ExcludeFields", &json!({"fields": others}), vec![full("a")], &Value::Null);
        prop_assert_eq!(selected.documents, excluded.documents);
    }
}
