//! Behaviour of `TextReader`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Answer, Catalog, Context, Document, ErrorKind, Value};
use flowrun_text::EXECUTORS;
use serde_json::json;

fn read(with: &Value, documents: Vec<Document>) -> Answer {
    let catalog = Catalog::new([EXECUTORS]);
    let mut bench =
        ExecutorHarness::new(catalog.get("TextReader").unwrap(), with, Context::standalone(".")).unwrap();
    bench.call("/index", documents, &Value::Null).unwrap()
}

#[test]
fn text_is_read_from_bytes_or_else_from_the_uri() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.txt");
    std::fs::write(&path, "\u{feff}Grüße\n").unwrap();
    let documents = vec![
        Document::new("file").with_uri(path.to_str().unwrap()),
        Document::new("data").with_uri("data:text/markdown,a%20b"),
        Document::new("blob").with_uri("/nowhere").with_blob(&b"bytes"[..]),
    ];
    let answer = read(&Value::Null, documents);
    let texts: Vec<&str> =
        answer.documents.iter().map(|document| document.text.as_deref().unwrap()).collect();
    assert_eq!(texts, ["Grüße\n", "a b", "bytes"]);
    assert!(answer.documents.iter().all(|document| document.mime_type == "text/plain"));
}

#[test]
fn existing_texts_and_media_types_are_kept() {
    let mut typed = Document::new("typed").with_blob(&b"#"[..]);
    typed.mime_type = "text/markdown".to_owned();
    let text = Document::new("text").with_text("mine").with_uri("/nowhere").with_blob(&b"\xff"[..]);
    let bare = Document::new("bare");
    let answer = read(&Value::Null, vec![typed, text.clone(), bare.clone()]);
    assert_eq!(answer.documents[0].mime_type, "text/markdown");
    assert_eq!(answer.documents[1..], [text, bare]);
}

#[test]
fn content_that_is_not_text_fails_alone() {
    let documents = vec![
        Document::new("good").with_blob(&b"7 bytes"[..]),
        Document::new("bytes").with_blob(&b"ab\xffcd"[..]),
        Document::new("large").with_blob(&b"12345678"[..]),
        Document::new("data").with_uri("data:,12345678"),
        Document::new("remote").with_uri("http://a/b"),
    ];
    let answer = read(&json!({"bytes_max": 7}), documents);
    assert_eq!((answer.documents.len(), answer.documents[0].id.as_str()), (1, "good"));
    let failures: Vec<(&str, &str)> =
        answer.failures.iter().map(|failure| (failure.id.as_str(), failure.error.message())).collect();
    assert_eq!(
        failures,
        [
            ("bytes", "the content is not valid UTF-8 at byte 2"),
            ("large", "the blob has 8 bytes, more than the 7 allowed"),
            ("data", "the `data:` URI has 8 bytes, more than the 7 allowed"),
            ("remote", "cannot read `http://a/b`: only paths, `file:` and `data:` URIs are read"),
        ]
    );
}

#[test]
fn texts_over_the_memory_budget_fail_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.txt");
    std::fs::write(&path, "a".repeat(9_000)).unwrap();
    let documents = vec![
        Document::new("file").with_uri(path.to_str().unwrap()),
        Document::new("blob").with_blob(vec![b'a'; 6_000]),
        Document::new("small").with_uri("data:,small"),
    ];
    let catalog = Catalog::new([EXECUTORS]);
    let bench =
        ExecutorHarness::new(catalog.get("TextReader").unwrap(), &Value::Null, Context::standalone("."))
            .unwrap();
    let answer = bench.with_bytes_max(12_000).call("/index", documents, &Value::Null).unwrap();
    assert_eq!(answer.documents[0].text.as_deref(), Some("small"));
    let failures: Vec<_> =
        answer.failures.iter().map(|failure| (&*failure.id, failure.error.kind())).collect();
    assert_eq!(failures, [("file", ErrorKind::Resource), ("blob", ErrorKind::Resource)]);
}

#[test]
fn access_paths_select_chunks_to_read() {
    let mut document = Document::new("a").with_uri("/nowhere");
    document.chunks = [document.new_chunk(0).with_blob(&b"part"[..])].into_iter().collect();
    let answer = read(&json!({"access_paths": "@c"}), vec![document]);
    assert_eq!(answer.documents[0].chunks[0].text.as_deref(), Some("part"));
}
