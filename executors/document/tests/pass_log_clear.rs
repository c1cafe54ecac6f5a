//! Tests of `Pass`, `Log` and `Clear`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;
use std::sync::{Arc, Mutex};

use flowrun_document::EXECUTORS;
use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{BoxedExecutor, Catalog, Context, Document, Endpoints, Value};
use serde_json::json;

fn open(name: &str) -> ExecutorHarness {
    let catalog = Catalog::new([EXECUTORS]);
    let executor_type = catalog.get(name).unwrap();
    ExecutorHarness::new(executor_type, &Value::Null, Context::standalone(".")).unwrap()
}

fn documents() -> Vec<Document> {
    ["a", "b\nc", "d", "e"].map(|id| Document::new(id).with_text("text")).to_vec()
}

#[test]
fn pass_and_its_aliases_change_nothing() {
    for name in ["Pass", "_pass", "_forward", "_route", "_merge", "BaseExecutor"] {
        let answer = open(name).call("/any", documents(), &json!({"top_k": "nonsense"})).unwrap();
        assert_eq!(*answer.documents, *documents(), "{name}");
        assert!(answer.failures.is_empty() && answer.results.is_empty());
    }
}

#[test]
fn clear_removes_every_document_without_failures() {
    for name in ["Clear", "_clear"] {
        let answer = open(name).call("/any", documents(), &Value::Null).unwrap();
        assert!(answer.documents.is_empty() && answer.failures.is_empty(), "{name}");
    }
}

#[test]
fn executors_need_no_thread_and_handle_every_endpoint() {
    let (fields, tag) = (json!({"fields": ["blob"]}), json!({"tag": "a"}));
    for executor_type in EXECUTORS {
        let with = match executor_type.name {
            "GroupMatches" => &tag,
            name if name.ends_with("Fields") => &fields,
            _ => &Value::Null,
        };
        let executor = ExecutorHarness::new(executor_type, with, Context::standalone(".")).unwrap();
        let instance = executor.instance();
        assert!(
            instance.inline || matches!(instance.executor, BoxedExecutor::Async(_)),
            "{}",
            executor_type.name
        );
        assert_eq!(executor.instance().endpoints, Endpoints::All, "{}", executor_type.name);
    }
}

#[test]
fn executors_without_parameters_reject_parameters() {
    for name in ["Pass", "Log", "Clear"] {
        let catalog = Catalog::new([EXECUTORS]);
        let error =
            ExecutorHarness::new(catalog.get(name).unwrap(), &json!({"x": 1}), Context::standalone("."))
                .err();
        assert_eq!(error.unwrap().to_string(), "unknown parameter `x`", "{name}");
    }
}

/// A log in memory.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().map_err(|_| io::Error::other("poisoned"))?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn log_writes_one_line_per_request_and_changes_nothing() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber =
        tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone()).finish();
    let expected = documents().iter().map(Document::memory_bytes).sum::<usize>();
    let guard = flowrun_sdk::tracing::subscriber::set_default(subscriber);
    for name in ["Log", "_logforward"] {
        let answer = open(name).call("/search", documents(), &Value::Null).unwrap();
        assert_eq!(*answer.documents, *documents());
    }
    drop(guard);

    let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(written.lines().count(), 2, "{written}");
    for line in written.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["pod"], "pod");
        assert_eq!((&line["documents"], &line["bytes"]), (&json!(4), &json!(expected)));
        assert_eq!(line["ids"], r#"["a", "b\nc", "d"]"#);
    }
}

#[test]
fn long_ids_are_truncated_in_the_log() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let guard = flowrun_sdk::tracing::subscriber::set_default(subscriber);
    open("Log").call("/", vec![Document::new("é".repeat(100_000))], &Value::Null).unwrap();
    drop(guard);
    let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(written.matches('é').count(), 64);
}
