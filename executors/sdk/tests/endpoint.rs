//! `#[executor]`: dispatch of requests to methods, their arguments and their return values.

#![expect(clippy::unwrap_used, reason = "a failed precondition fails the test")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{
    BoxedExecutor, BuildError, Call, Context, Document, Endpoints, ErrorKind, ExecutorError, Instance, Value,
    executor,
};
use serde_json::{Map, json};

flowrun_sdk::parameters! {
    /// No parameters.
    struct NoParameters {}
}

flowrun_sdk::parameters! {
    /// Parameters of a request.
    struct AppendParameters {
        /// Number of repetitions.
        times: usize = 1,
        /// Required.
        suffix: String,
    }
}

#[derive(Default)]
struct Sync(usize);

/// Handles several endpoints.
///
/// A second paragraph is not part of the summary.
#[executor]
impl Sync {
    #[create]
    fn new(_: NoParameters) -> Result<Self, BuildError> {
        Ok(Self::default())
    }

    #[requests("/append", "/add")]
    fn append(&mut self, document: &mut Document, parameters: AppendParameters) -> Result<(), ExecutorError> {
        let text = document.text.take().ok_or_else(|| ExecutorError::input("no text"))?;
        document.text = Some(format!("{text}{}", parameters.suffix.repeat(parameters.times)).into());
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
    async fn rest(&self, call: &mut Call<'_>, parameters: AppendParameters) {
        std::future::ready(()).await;
        call.set_result("suffix", parameters.suffix);
    }
}

fn harness() -> ExecutorHarness {
    ExecutorHarness::new(&Sync::TYPE, &Value::Null, Context::standalone(".")).unwrap()
}

fn documents() -> Vec<Document> {
    vec![Document::new("a").with_text("x"), Document::new("b")]
}

#[test]
fn a_type_has_the_name_of_the_struct_and_its_first_paragraph_as_summary() {
    assert_eq!((Sync::TYPE.name, Sync::TYPE.summary), ("Sync", "Handles several endpoints."));
    let harness = harness();
    assert_eq!(
        harness.instance().endpoints,
        Endpoints::only(["/append", "/add", "/results", "/other", "/clear"])
    );
    assert!(matches!(harness.instance().executor, BoxedExecutor::Sync(_)));
}

#[test]
fn an_error_of_a_method_per_document_fails_that_document_alone() {
    for endpoint in ["/append", "/add"] {
        let parameters = json!({"times": "2", "suffix": "!", "for_another_executor": [1]});
        let answer = harness().call(endpoint, documents(), &parameters).unwrap();
        assert_eq!(answer.documents[0].text.as_deref(), Some("x!!"));
        assert_eq!((answer.documents.len(), answer.failures[0].id.as_str()), (1, "b"));
    }
}

#[test]
fn request_parameters_are_checked_before_the_method_is_called() {
    for (parameters, message) in [
        (json!({"suffix": "!", "times": -1}), "parameter `times`: must be an integer ≥ 0, but is `-1`"),
        (json!({}), "parameter `suffix`: is required"),
    ] {
        let error = harness().call("/append", documents(), &parameters).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Parameter, message));
    }
}

#[test]
fn return_values_become_documents_or_results() {
    let answer = harness().call("/results", documents(), &Value::Null).unwrap();
    assert_eq!((answer.documents.len(), &answer.results["endpoint"]), (2, &json!("/results")));
    let answer = harness().call("/other", documents(), &Value::Null).unwrap();
    assert_eq!((answer.documents.len(), answer.documents[0].id.as_str()), (1, "other"));
    // Requests to other endpoints pass.
    assert_eq!(harness().call("/unknown", documents(), &Value::Null).unwrap().documents.len(), 2);
}

#[test]
fn the_close_method_is_called_at_the_end() {
    assert!(harness().close().is_err());
    let mut harness = harness();
    assert!(harness.call("/clear", documents(), &Value::Null).unwrap().documents.is_empty());
    assert!(harness.close().is_ok());
}

#[test]
fn async_methods_make_an_async_executor_and_a_default_handles_other_endpoints() {
    static CLOSED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);
    let instance = Instance::from(Async(Arc::default()));
    assert!(matches!(instance.executor, BoxedExecutor::Async(_)) && instance.endpoints == Endpoints::All);
    let executor = flowrun_sdk::ExecutorType::new::<NoParameters>("Async", "Waits.", |_| {
        Ok(Async(Arc::clone(&CLOSED)).into())
    });
    let mut harness = ExecutorHarness::new(&executor, &Value::Null, Context::standalone(".")).unwrap();
    let answer = harness.call("/any", documents(), &json!({"suffix": "s"})).unwrap();
    assert_eq!(answer.results["suffix"], "s");
    assert_eq!(harness.call("/fail", documents(), &Value::Null).unwrap_err().message(), "no");
    harness.close().unwrap();
    assert!(CLOSED.load(Ordering::Relaxed));
}
