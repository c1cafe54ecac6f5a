//! The endpoints of `DocumentStore`.

use flowrun_sdk::{Document, NamedScore};
use serde_json::json;

use crate::harness::{NO_DOCUMENTS, call, call_with, directory, failures, open};

/// A match that carries only an id and a score.
fn reference(id: &str, distance: f32) -> Document {
    let mut reference = Document { adjacency: 1, ..Document::new(id) };
    reference.scores.insert("euclidean".to_owned(), NamedScore::new(distance, "NumpyIndexer"));
    reference
}

fn with_matches(id: &str, matches: &[&str]) -> Document {
    let matches =
        matches.iter().zip(1_u8..).map(|(id, distance)| reference(id, f32::from(distance))).collect();
    Document { matches, ..Document::new(id) }
}

fn ids(documents: &[Document]) -> Vec<&str> {
    documents.iter().map(|document| document.id.as_str()).collect()
}

#[test]
fn matches_become_stored_documents_and_keep_their_scores() {
    let directory = directory();
    let mut executor = open(directory.path(), "DocumentStore", &json!({}));
    let stored = Document::new("a").with_text("text").with_tag("n", 1).with_embedding(vec![1.0]);
    assert_eq!(call(&mut executor, "/index", vec![stored]).results["indexed"], 1);
    let answer =
        call(&mut executor, "/search", vec![with_matches("q", &["b", "a", ""]), with_matches("r", &[])]);
    assert_eq!(ids(&answer.documents), ["q", "r"]);
    let matches = &answer.documents[0].matches;
    assert_eq!(ids(matches), ["a"]);
    assert_eq!((matches[0].text.as_deref(), matches[0].adjacency), (Some("text"), 1));
    assert_eq!((matches[0].score().unwrap().value, matches[0].tags["n"].clone()), (2.0, json!(1)));
    assert!(matches[0].embedding.is_none());
}

#[test]
fn requests_select_the_replaced_matches_by_access_paths() {
    let directory = directory();
    let mut executor = open(directory.path(), "DocumentStore", &json!({"access_paths": "@c"}));
    let mut clip = Document::new("a");
    clip.chunks = (0..2).map(|number| clip.new_chunk(number).with_text(format!("frame {number}"))).collect();
    call(&mut executor, "/index", vec![clip]);
    let mut query = Document::new("q");
    query.chunks = [with_matches("q#0", &["a#1", "x", "a#0"])].into_iter().collect();
    let answer = call_with(&mut executor, "/search", vec![query], json!({"access_paths": "@cm"})).unwrap();
    let matches = &answer.documents[0].chunks[0].matches;
    assert_eq!(ids(matches), ["a#1", "a#0"]);
    assert_eq!((matches[0].text.as_deref(), matches[0].parent_id.as_str()), (Some("frame 1"), "a"));
}

#[test]
fn an_answer_beyond_the_size_limit_fails() {
    let directory = directory();
    let mut executor = open(directory.path(), "DocumentStore", &json!({"fsync": "never"}));
    call(&mut executor, "/index", vec![Document::new("large").with_blob(vec![7; 32 << 20])]);
    let answer = call(
        &mut executor,
        "/search",
        vec![with_matches("few", &["large"; 4]), with_matches("many", &["large"; 4])],
    );
    assert_eq!(ids(&answer.documents), ["few"]);
    let (label, reason) = &failures(&answer)[0];
    assert!(label == "many" && reason.contains("exceed the 268435456 bytes"), "{label}: {reason}");
}

#[test]
fn unset_fields_of_a_root_are_filled_and_unknown_roots_are_unchanged() {
    let directory = directory();
    let mut executor = open(directory.path(), "DocumentStore", &json!({}));
    call(
        &mut executor,
        "/index",
        vec![Document::new("a").with_text("stored").with_uri("a.gif").with_tag("n", 1)],
    );
    let documents = || vec![Document::new("a").with_text("own"), Document::new("b"), Document::new("")];
    for (endpoint, parameters) in [("/get", json!({})), ("/search", json!({"access_paths": "@r"}))] {
        let answer = call_with(&mut executor, endpoint, documents(), parameters).unwrap();
        let a = Document::new("a").with_text("own").with_uri("a.gif").with_tag("n", 1);
        assert_eq!(*answer.documents, [a, Document::new("b"), Document::new("")]);
    }
    let paths = json!({"access_paths": "@r,m"});
    let answer = call_with(&mut executor, "/search", vec![with_matches("a", &["a", "b"])], paths).unwrap();
    assert_eq!(answer.documents[0].uri, "a.gif");
    assert_eq!(ids(&answer.documents[0].matches), ["a"]);
}

#[test]
fn documents_are_replaced_updated_and_deleted_by_id() {
    let directory = directory();
    let mut executor = open(directory.path(), "DocumentStore", &json!({"exclude": []}));
    let mut clip = Document::new("a").with_text("old");
    clip.chunks = [clip.new_chunk(0)].into_iter().collect();
    call(&mut executor, "/index", vec![clip.clone(), Document::new("")]);
    let answer = call(&mut executor, "/get", vec![Document::new("a")]);
    assert_eq!(answer.documents[0], clip);
    let answer =
        call(&mut executor, "/update", vec![Document::new("a").with_text("new"), Document::new("b")]);
    assert_eq!((&answer.results["updated"], &answer.results["unknown"]), (&json!(1), &json!(1)));
    drop(executor);
    let mut executor = open(directory.path(), "DocumentStore", &json!({}));
    assert_eq!(
        call(&mut executor, "/get", vec![Document::new("a")]).documents[0].text.as_deref(),
        Some("new")
    );
    assert_eq!(call(&mut executor, "/status", NO_DOCUMENTS).results["documents"], 1);
    let answer = call(&mut executor, "/delete", vec![Document::new("a")]);
    assert_eq!(answer.results["deleted"], 1);
    call(&mut executor, "/index", vec![Document::new("c")]);
    call(&mut executor, "/clear", NO_DOCUMENTS);
    assert_eq!(call(&mut executor, "/status", NO_DOCUMENTS).results["documents"], 0);
}

#[test]
fn a_document_without_an_id_fails_without_affecting_others() {
    let directory = directory();
    let mut executor = open(directory.path(), "DocumentStore", &json!({}));
    let answer = call(&mut executor, "/index", vec![Document::new("").with_uri("x.gif"), Document::new("a")]);
    assert_eq!(
        failures(&answer),
        [("x.gif".to_owned(), "a document without an id cannot be stored".to_owned())]
    );
    assert_eq!(answer.results["indexed"], 1);
}
