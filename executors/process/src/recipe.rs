//! What it takes to start a child, again and again.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flowrun_sdk::{BuildError, Context, Metrics, Value};
use rustix::process::getpriority_process;

use crate::link::start_frame;

/// What it takes to start the child of one executor.
pub(crate) struct Recipe {
    /// The worker, as lines of the log name it.
    pub(crate) pod: Arc<str>,
    /// What is run.
    command: Box<dyn Fn() -> Result<Command, String> + Send + Sync>,
    /// The frame that tells it what it is.
    pub(crate) start: Bytes,
    /// How long it may take to be ready.
    pub(crate) ready_within: Option<Duration>,
    /// Calls at once, if it takes several.
    pub(crate) concurrency: usize,
    /// Where it tells its numbers.
    pub(crate) metrics: Metrics,
    /// Its priority, as `nice` counts: that of whoever made the recipe.
    pub(crate) niceness: i32,
}

impl Recipe {
    /// The recipe for a child that runs `command` and is told `start`.
    pub(crate) fn new(
        context: &Context,
        start: &Value,
        command: impl Fn() -> Result<Command, String> + Send + Sync + 'static,
    ) -> Result<Self, BuildError> {
        let shard = if context.shards > 1 { format!("/shard-{}", context.shard) } else { String::new() };
        Ok(Self {
            pod: format!("{}{shard}/rep-{}", context.pod, context.replica).into(),
            command: Box::new(command),
            start: start_frame(start).map_err(BuildError::failed)?,
            // A little less than the host waits, so that it hears why.
            ready_within: context.timeout_ready.map(|limit| limit.mul_f64(0.95)),
            concurrency: context.concurrency,
            metrics: context.metrics.clone(),
            niceness: getpriority_process(None).unwrap_or(0),
        })
    }

    pub(crate) fn command(&self) -> Result<Command, String> {
        let mut command = (self.command)()?;
        // What lets others in is none of an executor's business.
        command.env_remove("FLOWRUN_TOKEN");
        Ok(command)
    }
}

/// Why there is no child.
#[derive(Clone, Debug)]
pub(crate) enum NotMade {
    /// It was not ready in time.
    NotReady(String),
    /// The executor said that the parameter of that name will not do.
    Parameter(String, String),
    /// Anything else.
    Failed(String),
}

impl NotMade {
    /// What a child said that cannot be what it is to be.
    pub(crate) fn told(value: &Value) -> Self {
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let error = text("error").unwrap_or_default();
        match text("parameter") {
            Some(parameter) => Self::Parameter(parameter, error),
            None => Self::Failed(error),
        }
    }
}

impl std::fmt::Display for NotMade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotReady(reason) | Self::Failed(reason) => f.write_str(reason),
            Self::Parameter(name, reason) => write!(f, "`{name}`: {reason}"),
        }
    }
}

impl From<NotMade> for BuildError {
    fn from(error: NotMade) -> Self {
        match error {
            NotMade::NotReady(reason) => Self::NotReady(reason),
            NotMade::Parameter(name, reason) => Self::parameter(name, reason),
            NotMade::Failed(reason) => Self::failed(reason),
        }
    }
}
