//! What `Pass`, `Log` and `Clear` promise.
#![expect(clippy::unwrap_used, reason = "a test that cannot get ready has failed")]

use std::io;
use std::sync::{Arc, Mutex};

use flowrun_document::EXECUTORS;
use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{BoxedExecutor, Catalog, Context, Document, Endpoints, Value};
use serde_json::json;

fn bench(name: &str) -> ExecutorHarness {
    let catalog = Catalog::new([EXECUTORS]);
    let kind = catalog.get(name).unwrap();
    ExecutorHarness::new(kind, &Value::Null, Context::standalone(".")).unwrap()
}

fn documents() -> Vec<Document> {
    ["a", "b\nc", "d", "e"].map(|id| Document::new(id).with_text("text")).to_vec()
}

#[test]
fn pass_changes_nothing_under_any_of_its_names() {
    for name in ["Pass", "_pass", "_forward", "_route", "_merge", "BaseExecutor"] {
        let answer = bench(name).call("/any", documents(), &json!({"top_k": "nonsense"})).unwrap();
        assert_eq!(*answer.documents, *documents(), "{name}");
        assert!(answer.failures.is_empty() && answer.results.is_empty());
    }
}

#[test]
fn clear_drops_every_document_and_reports_no_failure() {
    for name in ["Clear", "_clear"] {
        let answer = bench(name).call("/any", documents(), &Value::Null).unwrap();
        assert!(answer.documents.is_empty() && answer.failures.is_empty(), "{name}");
    }
}

#[test]
fn no_executor_of_the_family_costs_a_thread_or_misses_an_endpoint() {
    let (fields, tag) = (json!({"fields": ["blob"]}), json!({"tag": "a"}));
    for kind in EXECUTORS {
        let with = match kind.name {
            "GroupMatches" => &tag,
            name if name.ends_with("Fields") => &fields,
            _ => &Value::Null,
        };
        let bench = ExecutorHarness::new(kind, with, Context::standalone(".")).unwrap();
        let instance = bench.instance();
        assert!(instance.inline || matches!(instance.executor, BoxedExecutor::Async(_)), "{}", kind.name);
        assert_eq!(bench.instance().endpoints, Endpoints::All, "{}", kind.name);
    }
}

#[test]
fn what_cannot_be_told_anything_refuses_parameters() {
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
fn log_writes_one_line_for_a_request_and_passes_it_on() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber =
        tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone()).finish();
    let expected = documents().iter().map(Document::memory_bytes).sum::<usize>();
    let guard = flowrun_sdk::tracing::subscriber::set_default(subscriber);
    for name in ["Log", "_logforward"] {
        let answer = bench(name).call("/search", documents(), &Value::Null).unwrap();
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
fn an_endless_id_does_not_make_an_endless_line() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let guard = flowrun_sdk::tracing::subscriber::set_default(subscriber);
    bench("Log").call("/", vec![Document::new("é".repeat(100_000))], &Value::Null).unwrap();
    drop(guard);
    let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(written.matches('é').count(), 64);
}
