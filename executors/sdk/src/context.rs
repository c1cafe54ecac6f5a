//! The environment of an executor: its pod, shard and replica, its directories, its share of the machine.
//!
//! A flow is a graph of *pods*, each with one type of executor. The *shards* of a pod have different data; the *replicas* of a
//! shard are interchangeable and share its calls.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{Health, Metrics, RawParameters, SharedState};

/// Input of the construction of an executor.
#[derive(Clone, Debug)]
pub struct Build {
    /// Parameters under `with:`, already checked against the executor's table.
    pub with: RawParameters,
    /// Environment of the executor.
    pub context: Context,
}

/// Environment of an executor. Constant for the life of the executor.
#[derive(Clone, Debug)]
pub struct Context {
    /// Name of the pod.
    pub pod: String,
    /// Directory that the executor may write to. It may not exist yet; the executor creates it. Replicas share it, shards
    /// do not.
    pub workspace: PathBuf,
    /// Directory of the YAML file that names the executor; relative paths among its parameters start here.
    pub directory: PathBuf,
    /// Number of the shard, from 0.
    pub shard: usize,
    /// Number of shards of the pod.
    pub shards: usize,
    /// Number of the replica within its shard, from 0.
    pub replica: usize,
    /// `true` if the executor must not change stored data.
    pub read_only: bool,
    /// Number of threads that the executor may keep busy.
    pub threads: usize,
    /// Maximum number of concurrent calls of an async executor.
    pub concurrency: usize,
    /// Time that construction may take; `None` for no limit.
    pub timeout_ready: Option<Duration>,
    /// Health of the executor, which the flow's readiness depends on.
    pub health: Health,
    /// State shared with the other replicas of the shard.
    pub shared: SharedState,
    /// Metrics of the executor, shared with the other replicas of the shard.
    pub metrics: Metrics,
}

impl Context {
    /// Creates the context of an executor outside a flow, as in tests: one shard, one replica, one thread.
    #[must_use]
    pub fn standalone(workspace: impl Into<PathBuf>) -> Self {
        Self {
            pod: "pod".to_owned(),
            workspace: workspace.into(),
            directory: PathBuf::from("."),
            shard: 0,
            shards: 1,
            replica: 0,
            read_only: false,
            threads: 1,
            concurrency: 1,
            timeout_ready: None,
            health: Health::default(),
            shared: SharedState::default(),
            metrics: Metrics::default(),
        }
    }

    /// Resolves a path among the parameters: relative paths start at [`Context::directory`].
    #[must_use]
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.directory.join(path)
    }
}
