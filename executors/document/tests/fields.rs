//! What `ExcludeFields` and `SelectFields` promise.
#![expect(clippy::unwrap_used, reason = "a test that cannot get ready has failed")]

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
    let mut bench = ExecutorHarness::new(catalog.get(name).unwrap(), with, Context::standalone(".")).unwrap();
    bench.call("/any", documents, parameters).unwrap()
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

/// The keys of the document in JSON: its fields that are set.
fn keys(document: &Document) -> Vec<String> {
    serde_json::to_value(document).unwrap().as_object().unwrap().keys().cloned().collect()
}

#[test]
fn excluding_a_field_clears_it_and_nothing_else() {
    for field in FIELDS {
        let answer = call("ExcludeFields", &json!({"fields": [field]}), vec![full("a")], &Value::Null);
        let left: Vec<String> = keys(&full("a")).into_iter().filter(|key| key != field).collect();
        assert_eq!(keys(&answer.documents[0]), left, "{field}");
    }
}

#[test]
fn selecting_a_field_keeps_it_and_what_names_and_places_the_document() {
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
fn fields_are_cleared_where_the_paths_lead_and_the_request_may_redirect_them() {
    let with = json!({"fields": ["blob"], "access_paths": "@c"});
    let answer = call("ExcludeFields", &with, vec![full("a")], &Value::Null);
    assert!(answer.documents[0].blob.is_some() && answer.documents[0].chunks[0].blob.is_none());

    let answer = call("ExcludeFields", &with, vec![full("a")], &json!({"access_paths": ["r"]}));
    assert!(answer.documents[0].blob.is_none() && answer.documents[0].chunks[0].blob.is_some());
}

#[test]
fn a_field_that_no_document_has_is_refused_with_the_list_of_those_it_has() {
    let catalog = Catalog::new([EXECUTORS]);
    for name in ["ExcludeFields", "SelectFields"] {
        let kind = catalog.get(name).unwrap();
        let refusal = |with: &Value| {
            ExecutorHarness::new(kind, with, Context::standalone(".")).err().unwrap().to_string()
        };
        let message = refusal(&json!({"fields": ["blobs"]}));
        assert!(FIELDS.iter().all(|field| message.contains(&format!("`{field}`"))), "{message}");
        assert_eq!(refusal(&json!({})), "parameter `fields` is required");
    }
}

proptest! {
    #[test]
    fn selecting_some_fields_is_excluding_the_others(chosen in proptest::sample::subsequence(&FIELDS, 0..=14)) {
        let others: Vec<&str> = FIELDS.into_iter().filter(|field| !chosen.contains(field)).collect();
        let selected = call("SelectFields", &json!({"fields": chosen}), vec![full("a")], &Value::Null);
        let excluded = call("ExcludeFields", &json!({"fields": others}), vec![full("a")], &Value::Null);
        prop_assert_eq!(selected.documents, excluded.documents);
    }
}
