//! Runs an executor without a flow, for tests.

use std::time::Instant;

use serde_json::Value;

use crate::block_on::block_on;
use crate::{
    Answer, BoxedExecutor, Build, BuildError, Call, Cancellation, Context, Document, ExecutorError,
    ExecutorType, Instance,
};

/// An executor under test.
///
/// ```
/// # use flowrun_sdk::{BuildError, Call, executor};
/// # flowrun_sdk::parameters! {
/// #     struct NoParameters {}
/// # }
/// # struct Count;
/// # /// Counts documents.
/// # #[executor]
/// # impl Count {
/// #     #[create]
/// #     fn new(_: NoParameters) -> Result<Self, BuildError> {
/// #         Ok(Self)
/// #     }
/// #     #[requests]
/// #     fn count(&mut self, call: &mut Call<'_>) {
/// #         call.set_result("documents", call.documents().len());
/// #     }
/// # }
/// use flowrun_sdk::{Context, Document, Value, testing::ExecutorHarness};
///
/// let mut harness = ExecutorHarness::new(&Count::TYPE, &Value::Null, Context::standalone("."))?;
/// let answer = harness.call("/count", vec![Document::new("a")], &Value::Null)?;
/// assert_eq!(answer.results["documents"], 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ExecutorHarness {
    instance: Instance,
    bytes_max: usize,
    deadline: Option<Instant>,
    cancellation: Cancellation,
}

impl ExecutorHarness {
    /// Checks the parameters `with` (a JSON object, or null for none) and constructs an executor.
    ///
    /// # Errors
    /// [`BuildError::Failed`] with every mistake in the parameters, or the error of the constructor.
    pub fn new(executor: &ExecutorType, with: &Value, context: Context) -> Result<Self, BuildError> {
        let with = with.as_object().cloned().unwrap_or_default();
        let mistakes: Vec<String> = executor.check(&with).iter().map(ToString::to_string).collect();
        if !mistakes.is_empty() {
            return Err(BuildError::failed(mistakes.join("; ")));
        }
        let instance = executor.create(&Build { with, context })?;
        Ok(Self { instance, bytes_max: usize::MAX, deadline: None, cancellation: Cancellation::default() })
    }

    /// Bounds the bytes that the documents of a call may occupy, as a flow does.
    #[must_use]
    pub fn with_bytes_max(self, bytes_max: usize) -> Self {
        Self { bytes_max, ..self }
    }

    /// Sets deadline and cancellation of all calls.
    #[must_use]
    pub fn with_deadline(self, deadline: Option<Instant>, cancellation: Cancellation) -> Self {
        Self { deadline, cancellation, ..self }
    }

    /// Calls the executor. `parameters` is a JSON object, or null for none.
    ///
    /// # Errors
    /// The error of the executor.
    pub fn call(
        &mut self,
        endpoint: &str,
        documents: Vec<Document>,
        parameters: &Value,
    ) -> Result<Answer, ExecutorError> {
        let parameters = parameters.as_object().cloned().unwrap_or_default();
        let mut call = Call::new(endpoint, documents.into(), &parameters)
            .with_deadline(self.deadline, self.cancellation.clone())
            .with_bytes_max(self.bytes_max);
        match &mut self.instance.executor {
            BoxedExecutor::Sync(executor) => executor.execute(&mut call)?,
            BoxedExecutor::Async(executor) => block_on(executor.execute(&mut call))?,
        }
        Ok(call.into_answer())
    }

    /// Properties that a pod would know.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// Closes the executor, as a flow does at its end.
    ///
    /// # Errors
    /// The error of the executor.
    pub fn close(mut self) -> Result<(), ExecutorError> {
        match &mut self.instance.executor {
            BoxedExecutor::Sync(executor) => executor.close(),
            BoxedExecutor::Async(executor) => block_on(executor.close()),
        }
    }
}
