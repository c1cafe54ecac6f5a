//! Description of a child, from which it is started and restarted.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flowrun_sdk::{BuildError, Context, Metrics, Value, guard};
use rustix::process::getpriority_process;

use super::guardian;
use crate::protocol::frame::{FrameKind, encode_json_frame};

/// Share of `timeout_ready` that a child gets, so that its error is reported before the flow's own timeout expires.
const READY_SHARE: f64 = 0.95;

/// Description of one executor's child.
pub(crate) struct ChildSpec {
    /// Name of the worker in log lines.
    pub(crate) worker: Arc<str>,
    /// Builds the command line of a new process, without the variables that every child gets.
    command: Box<dyn Fn() -> Result<Command, String> + Send + Sync>,
    /// Encoded start frame.
    pub(crate) start_frame: Bytes,
    /// Time until the child must be ready. Unlimited if `None`.
    pub(crate) ready_timeout: Option<Duration>,
    /// Maximum number of concurrent calls, for a child that accepts several.
    pub(crate) concurrency: usize,
    /// Metrics of the pod, to which those of the child are added.
    pub(crate) metrics: Metrics,
    /// Niceness of the child's process: that of the thread that created the spec.
    pub(crate) niceness: i32,
}

/// Name of a worker (one replica of one shard), as in the results of a request: `POD/shard-0/rep-0`, without the shard if
/// there is only one.
pub(crate) fn worker_name(context: &Context) -> String {
    let shard = if context.shards > 1 { format!("/shard-{}", context.shard) } else { String::new() };
    format!("{}{shard}/rep-{}", context.pod, context.replica)
}

impl ChildSpec {
    /// Describes a child that runs the command which `command` builds, and receives `start` as the body of its start frame.
    ///
    /// # Errors
    /// If `start` exceeds the maximum length of a frame.
    pub(crate) fn new(
        context: &Context,
        start: &Value,
        command: impl Fn() -> Result<Command, String> + Send + Sync + 'static,
    ) -> Result<Self, BuildError> {
        Ok(Self {
            worker: worker_name(context).into(),
            command: Box::new(command),
            start_frame: encode_json_frame(FrameKind::Start, start).map_err(BuildError::failed)?,
            ready_timeout: context.timeout_ready.map(|limit| limit.mul_f64(READY_SHARE)),
            concurrency: context.concurrency,
            metrics: context.metrics.clone(),
            niceness: getpriority_process(None).unwrap_or(0),
        })
    }

    /// Builds the command of a new process.
    ///
    /// # Errors
    /// If the command cannot be determined.
    pub(crate) fn command(&self) -> Result<Command, String> {
        let mut command = (self.command)()?;
        guard::remove_hidden_variables(&mut command);
        command.env(guardian::FAMILY_VARIABLE, guardian::family());
        Ok(command)
    }
}
