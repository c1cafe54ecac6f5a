//! `#[executor]`: which method a request reaches, with what, and what becomes of what it returns.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{
    BoxedExecutor, BuildError, Call, Context, Document, Endpoints, ErrorKind, ExecutorError, Instance, Value,
    executor,
};
use serde_json::{Map, json};

flowrun_sdk::parameters! {
    /// None.
    struct Nothing {}
}

flowrun_sdk::parameters! {
    /// What a request may say.
    struct Asked {
        /// How often.
        times: usize = 1,
        /// Has to be said.
        suffix: String,
    }
}

#[derive(Default)]
struct Sync(usize);

/// Does a little of everything.
///
/// This is not in the summary.
#[executor]
impl Sync {
    #[create]
    fn new(_: Nothing) -> Result<Self, BuildError> {
        Ok(Self::default())
    }

    #[requests("/append", "/add")]
    fn append(&mut self, document: &mut Document, asked: Asked) -> Result<(), ExecutorError> {
        let text = document.text.take().ok_or_else(|| ExecutorError::input("no text"))?;
        document.text = Some(format!("{text}{}", asked.suffix.repeat(asked.times)).into());
        Ok(())
    }

    #[requests("/results")]
    fn results(&self, call: &mut Call<'_>) -> Map<String, Value> {
        [("endpoint".to_owned(), call.endpoint().into())].into_iter().collect()
    }

    #[requests("/other")]
    fn other(&mut self) -> Result<Vec<Document>, ExecutorError> {
        Ok(vec![Document::new("other")])
    }

    #[requests("/clear")]
    fn clear(&mut self, documents: &mut Vec<Document>) {
        documents.clear();
        self.0 += 1;
    }

    #[close]
    fn end(&mut self) -> Result<(), ExecutorError> {
        (self.0 > 0).then_some(()).ok_or_else(|| ExecutorError::resource("nothing was cleared"))
    }
}

struct Async(Arc<AtomicBool>);

#[executor]
impl Async {
    #[requests("/fail")]
    async fn fail(&self) -> Result<(), ExecutorError> {
        Err(ExecutorError::resource("no"))
    }

    #[close]
    async fn end(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    #[requests]
    async fn rest(&self, call: &mut Call<'_>, asked: Asked) {
        std::future::ready(()).await;
        call.set_result("suffix", asked.suffix);
    }
}

fn bench() -> ExecutorHarness {
    ExecutorHarness::new(&Sync::TYPE, &Value::Null, Context::standalone(".")).unwrap()
}

fn documents() -> Vec<Document> {
    vec![Document::new("a").with_text("x"), Document::new("b")]
}

#[test]
fn a_kind_is_named_after_the_type_and_told_by_its_first_paragraph() {
    assert_eq!((Sync::TYPE.name, Sync::TYPE.summary), ("Sync", "Does a little of everything."));
    let bench = bench();
    assert_eq!(
        bench.instance().endpoints,
        Endpoints::only(["/append", "/add", "/results", "/other", "/clear"])
    );
    assert!(matches!(bench.instance().executor, BoxedExecutor::Sync(_)));
}

#[test]
fn a_method_for_each_document_fails_for_one_alone() {
    for endpoint in ["/append", "/add"] {
        let asked = json!({"times": "2", "suffix": "!", "for_another_executor": [1]});
        let answer = bench().call(endpoint, documents(), &asked).unwrap();
        assert_eq!(answer.documents[0].text.as_deref(), Some("x!!"));
        assert_eq!((answer.documents.len(), answer.failures[0].id.as_str()), (1, "b"));
    }
}

#[test]
fn parameters_of_a_request_are_checked_before_the_method_is_called() {
    for (asked, said) in [
        (json!({"suffix": "!", "times": -1}), "parameter `times`: must be an integer ≥ 0, but is `-1`"),
        (json!({}), "parameter `suffix`: is required"),
    ] {
        let error = bench().call("/append", documents(), &asked).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Parameter, said));
    }
}

#[test]
fn what_a_method_returns_becomes_documents_or_results() {
    let answer = bench().call("/results", documents(), &Value::Null).unwrap();
    assert_eq!((answer.documents.len(), &answer.results["endpoint"]), (2, &json!("/results")));
    let answer = bench().call("/other", documents(), &Value::Null).unwrap();
    assert_eq!((answer.documents.len(), answer.documents[0].id.as_str()), (1, "other"));
    // What no method handles passes by.
    assert_eq!(bench().call("/unknown", documents(), &Value::Null).unwrap().documents.len(), 2);
}

#[test]
fn the_method_that_closes_is_called_at_the_end() {
    assert!(bench().close().is_err());
    let mut bench = bench();
    assert!(bench.call("/clear", documents(), &Value::Null).unwrap().documents.is_empty());
    assert!(bench.close().is_ok());
}

#[test]
fn async_methods_make_a_task_and_a_default_handles_the_rest() {
    static CLOSED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);
    let instance = Instance::from(Async(Arc::default()));
    assert!(matches!(instance.executor, BoxedExecutor::Async(_)) && instance.endpoints == Endpoints::All);
    let kind = flowrun_sdk::ExecutorType::new::<Nothing>("Async", "Waits.", |_| {
        Ok(Async(Arc::clone(&CLOSED)).into())
    });
    let mut bench = ExecutorHarness::new(&kind, &Value::Null, Context::standalone(".")).unwrap();
    let answer = bench.call("/any", documents(), &json!({"suffix": "s"})).unwrap();
    assert_eq!(answer.results["suffix"], "s");
    assert_eq!(bench.call("/fail", documents(), &Value::Null).unwrap_err().message(), "no");
    bench.close().unwrap();
    assert!(CLOSED.load(Ordering::Relaxed));
}
