//! Tests of `UriReader`: supported URIs, limits on bytes, and failures of single documents.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use flowrun_document::EXECUTORS;
use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{
    Answer, BoxedExecutor, Build, Call, Cancellation, Catalog, Context, Document, Documents, ErrorKind,
    RequestParameters, Value,
};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

fn open(with: &Value) -> ExecutorHarness {
    let catalog = Catalog::new([EXECUTORS]);
    ExecutorHarness::new(catalog.get("UriReader").unwrap(), with, Context::standalone(".")).unwrap()
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).max_blocking_threads(4).build().unwrap()
}

fn read(with: &Value, documents: Vec<Document>) -> Answer {
    let runtime = runtime();
    let _guard = runtime.enter();
    open(with).call("/index", documents, &Value::Null).unwrap()
}

fn write(directory: &Path, name: &str, content: &[u8]) -> String {
    let path = directory.join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn paths_file_uris_and_data_uris_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = write(directory.path(), "a b.gif", b"GIF");
    let escaped = format!("file://{}", path.replace(' ', "%20"));
    let uris = [path, escaped, "data:image/png;base64,UE5H".to_owned()];
    let documents =
        uris.iter().enumerate().map(|(number, uri)| Document::new(number.to_string()).with_uri(uri));
    let answer = read(&Value::Null, documents.collect());
    let contents: Vec<(&[u8], &str)> = answer
        .documents
        .iter()
        .map(|document| (document.blob.as_deref().unwrap(), document.mime_type.as_str()))
        .collect();
    assert_eq!(contents, [(&b"GIF"[..], "image/gif"), (b"GIF", "image/gif"), (b"PNG", "image/png")]);
    assert!(answer.documents.iter().map(|document| &document.uri).eq(&uris));
}

#[test]
fn a_missing_file_fails_only_its_documents() {
    let directory = tempfile::tempdir().unwrap();
    let good = write(directory.path(), "good", b"1");
    let missing = directory.path().join("missing").to_str().unwrap().to_owned();
    let answer = read(
        &Value::Null,
        vec![
            Document::new("a").with_uri(&good),
            Document::new("b").with_uri(&missing),
            Document::new("c").with_uri(&missing),
            Document::new("d").with_uri("http://a/b"),
        ],
    );
    assert_eq!(answer.documents.iter().map(|document| document.id.as_str()).collect::<Vec<_>>(), ["a"]);
    let labels: Vec<&str> = answer.failures.iter().map(|failure| failure.label.as_str()).collect();
    assert_eq!(labels, [missing.as_str(), &missing, "http://a/b"]);
    let message = answer.failures[0].error.to_string();
    assert!(message.starts_with(&format!("cannot read {missing}: ")), "{message}");
}

#[test]
fn an_oversized_file_fails_and_the_error_names_the_limit() {
    let directory = tempfile::tempdir().unwrap();
    let small = write(directory.path(), "small", &[0; 10]);
    let large = write(directory.path(), "large", &[0; 11]);
    let documents = vec![Document::new("a").with_uri(&large), Document::new("b").with_uri(&small)];
    let answer = read(&json!({"bytes_max": 10}), documents);
    assert_eq!((answer.documents.len(), answer.documents[0].id.as_str()), (1, "b"));
    let message = answer.failures[0].error.to_string();
    assert_eq!(message, format!("{large} has 11 bytes, more than the 10 allowed"));
}

#[test]
fn files_beyond_the_byte_budget_are_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let small = write(directory.path(), "small", &[0; 1_000]);
    // A sparse file of 64 GiB: reading it would take very long.
    let huge = directory.path().join("huge");
    std::fs::File::create(&huge).unwrap().set_len(1 << 36).unwrap();
    let huge = huge.to_str().unwrap();
    let uris = [&small, huge, &small, &small];
    let numbered = |(number, uri): (usize, &&str)| Document::new(number.to_string()).with_uri(*uri);
    let documents: Vec<Document> = uris.iter().enumerate().map(numbered).collect();
    let held: usize = documents.iter().map(Document::memory_bytes).sum();
    let runtime = runtime();
    let _guard = runtime.enter();
    let answer = open(&json!({"bytes_max": 1_u64 << 40}))
        .with_bytes_max(held + 2_500)
        .call("/index", documents, &Value::Null)
        .unwrap();
    // The budget of the failed document is free again, but a file shared by three documents counts three times.
    let failed: Vec<_> = answer.failures.iter().map(|failure| (&*failure.id, failure.error.kind())).collect();
    assert_eq!(failed, [("1", ErrorKind::Resource), ("3", ErrorKind::Resource)]);
    assert_eq!(answer.documents.len(), 2);
}

#[test]
fn devices_and_directories_are_rejected() {
    let documents = ["/dev/zero", "/"].map(|uri| Document::new(uri).with_uri(uri)).to_vec();
    let answer = read(&Value::Null, documents);
    assert!(answer.documents.is_empty());
    assert!(
        answer.failures.iter().all(|failure| failure.error.to_string().ends_with("is not a regular file"))
    );
}

#[test]
fn each_of_many_documents_gets_its_own_content() {
    let directory = tempfile::tempdir().unwrap();
    let documents: Vec<Document> = (0..100)
        .map(|number: u32| {
            let id = number.to_string();
            let uri = write(directory.path(), &id, id.as_bytes());
            Document::new(id).with_uri(uri)
        })
        .collect();
    let answer = read(&Value::Null, documents);
    assert_eq!(answer.documents.len(), 100);
    assert!(answer.documents.iter().all(|document| document.blob.as_deref() == Some(document.id.as_bytes())));
}

#[test]
fn a_uri_of_several_documents_is_read_once() {
    let directory = tempfile::tempdir().unwrap();
    let uri = write(directory.path(), "a", b"shared");
    let answer = read(&Value::Null, ["a", "b"].map(|id| Document::new(id).with_uri(&uri)).to_vec());
    let addresses: Vec<_> =
        answer.documents.iter().map(|document| document.blob.as_ref().unwrap().as_ptr()).collect();
    assert_eq!(addresses[0], addresses[1]);
}

#[test]
fn content_and_media_type_of_the_client_are_preserved() {
    let mut typed = Document::new("typed").with_uri("data:image/png,x");
    typed.mime_type = "image/x-mine".to_owned();
    let sent = Document::new("sent").with_uri("/nowhere/a.gif").with_blob(&b"sent"[..]);
    let bare = Document::new("bare");
    let answer = read(&Value::Null, vec![typed, sent.clone(), bare.clone()]);
    assert_eq!(answer.documents[0].mime_type, "image/x-mine");
    assert_eq!(answer.documents[0].blob.as_deref(), Some(&b"x"[..]));
    assert_eq!(answer.documents[1..], [sent, bare]);
}

#[test]
fn access_paths_select_the_documents() {
    let mut root = Document::new("a").with_uri("/nowhere");
    root.chunks = [root.new_chunk(0).with_uri("data:,0")].into_iter().collect();
    let answer = read(&json!({"access_paths": "@c"}), vec![root]);
    assert!(answer.documents[0].blob.is_none());
    assert_eq!(answer.documents[0].chunks[0].blob.as_deref(), Some(&b"0"[..]));
}

#[test]
fn a_cancelled_request_reads_nothing_and_keeps_its_documents() {
    let catalog = Catalog::new([EXECUTORS]);
    let build = Build { with: RequestParameters::new(), context: Context::standalone(".") };
    let instance = catalog.get("UriReader").unwrap().create(&build).unwrap();
    let BoxedExecutor::Async(executor) = instance.executor else { panic!("expected an async executor") };
    let documents: Documents = [Document::new("a").with_uri("data:,0")].into_iter().collect();
    let cancellation = Cancellation::default();
    let parameters = RequestParameters::new();
    let mut call = Call::new("/index", documents, &parameters).with_deadline(None, cancellation.clone());
    cancellation.cancel();
    let error = runtime().block_on(executor.execute(&mut call)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(call.documents().len() == 1 && call.documents()[0].blob.is_none());
}

#[test]
fn a_missing_tokio_runtime_is_an_error() {
    let documents = vec![Document::new("a").with_uri("data:,0")];
    let error = open(&Value::Null).call("/index", documents, &Value::Null).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
}
