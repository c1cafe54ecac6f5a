//! Runs an executor without a flow, for tests.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{
    Answer, BoxedExecutor, Build, BuildError, Call, Cancellation, Context, Document, ExecutorError,
    ExecutorType, Instance, wait,
};

/// An executor under test.
pub struct ExecutorHarness {
    instance: Instance,
    bytes_max: usize,
    deadline: Option<Instant>,
    cancellation: Cancellation,
}

impl ExecutorHarness {
    /// Makes an executor of this kind, alone in `context`, with these parameters (a JSON object).
    ///
    /// # Errors
    /// Every mistake in the parameters, or why it could not be made.
    pub fn new(kind: &ExecutorType, with: &Value, context: Context) -> Result<Self, BuildError> {
        let with = with.as_object().cloned().unwrap_or_default();
        let mistakes: Vec<String> = kind.check(&with).iter().map(ToString::to_string).collect();
        if !mistakes.is_empty() {
            return Err(BuildError::failed(mistakes.join("; ")));
        }
        let instance = kind.create(&Build { with, context })?;
        Ok(Self { instance, bytes_max: usize::MAX, deadline: None, cancellation: Cancellation::default() })
    }

    /// The same, with a bound on the bytes that the documents of a call may hold, as a flow has one.
    #[must_use]
    pub fn with_bytes_max(self, bytes_max: usize) -> Self {
        Self { bytes_max, ..self }
    }

    /// The same, for calls to be given up at `deadline` or at the sign.
    #[must_use]
    pub fn with_deadline(self, deadline: Option<Instant>, cancellation: Cancellation) -> Self {
        Self { deadline, cancellation, ..self }
    }

    /// Calls it. `parameters` is a JSON object, or null for none.
    ///
    /// # Errors
    /// What the executor returns.
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
            BoxedExecutor::Async(executor) => {
                wait::to_end(executor.execute(&mut call), Duration::MAX, || None)?
            }
        }
        Ok(call.into_answer())
    }

    /// What its pod would know of it.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// Ends it as a flow would.
    ///
    /// # Errors
    /// What the executor returns.
    pub fn close(mut self) -> Result<(), ExecutorError> {
        match &mut self.instance.executor {
            BoxedExecutor::Sync(executor) => executor.close(),
            BoxedExecutor::Async(executor) => wait::to_end(executor.close(), Duration::MAX, || None),
        }
    }
}
