//! A flow as meant: one form for every dialect.

use std::path::PathBuf;
use std::time::Duration;

use super::{
    BatchingTable, Condition, Dialect, GatewaySpec, Parameters, PollingTable, Strategy, Uses, remote,
};
use crate::diagnostic::{Span, Spanned};

/// A flow as its file means it. Names are not yet connected, executors not yet found.
#[derive(Clone, Debug)]
pub struct FlowSpec {
    /// The dialect that the file speaks.
    pub dialect: Dialect,
    /// The flow's own name, or its file's.
    pub name: String,
    /// Where the whole flow stands.
    pub span: Span,
    /// Requests between entering and leaving the gateway.
    pub prefetch: usize,
    /// What a request meets when all credits are out.
    pub when_full: WhenFull,
    /// How long a request may take.
    pub timeout: Option<Duration>,
    /// What the flow says about being a batch job.
    pub job: JobSpec,
    /// What the flow says about being served.
    pub gateway: GatewaySpec,
    /// Directories that plugins may be in, beside that of the flow.
    pub plugins: Vec<PathBuf>,
    /// The pods, in the order in which they were written.
    pub pods: Vec<PodSpec>,
}

/// What a request meets when all credits are out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// It waits for one.
    #[default]
    Wait,
    /// It is refused at once.
    Refuse,
}

/// What a flow says about being a batch job over some input.
#[derive(Clone, Debug, Default)]
pub struct JobSpec {
    /// Files, directories or patterns.
    pub input: Vec<Spanned<PathBuf>>,
    /// Where the requests go.
    pub endpoint: Option<String>,
    /// Where the results go.
    pub output: Option<PathBuf>,
    /// How many matches to ask for.
    pub top_k: Option<usize>,
    /// Documents in one request.
    pub request_size: Option<usize>,
}

/// One pod as its flow means it.
#[derive(Clone, Debug)]
pub struct PodSpec {
    /// Its name, unique in the flow.
    pub name: Spanned<String>,
    /// What it waits for.
    pub needs: Needs,
    /// What it runs.
    pub executor: Spanned<Uses>,
    /// An executor before it, and one behind.
    pub uses_before: Option<Spanned<Uses>>,
    /// An executor that sees the merged replies.
    pub uses_after: Option<Spanned<Uses>>,
    /// Copies of each shard, competing for requests.
    pub replicas: usize,
    /// Parts of the data.
    pub shards: usize,
    /// Which shards see a request.
    pub polling: PollingTable,
    /// Which shard a new document goes to.
    pub strategy: Spanned<Strategy>,
    /// Which documents go to it; all of them when absent.
    pub when: Option<Condition>,
    /// How several parts of a request become one, at a join.
    pub join: Join,
    /// Fed, but not waited for.
    pub floating: bool,
    /// Left out when later pods say nothing about what they need.
    pub is_inspect: bool,
    /// Runs elsewhere: why it cannot run here.
    pub remote_unsupported: Option<Spanned<String>>,
    /// The directory that it writes beneath, if it or its flow says so.
    pub workspace: Option<PathBuf>,
    /// How long one call may take, beside what the request may.
    pub timeout_send: Option<Duration>,
    /// Stored data may not change.
    pub read_only: bool,
    /// How long the executor may take to start; `None` for no end.
    pub timeout_ready: Option<Duration>,
    /// Calls under way at once in a waiting executor.
    pub concurrency: usize,
    /// Variables of the processes that its executor works in, if it does.
    pub env: Parameters,
    /// Which Python runs its executor when that is written in Python.
    pub python: Option<PythonSpec>,
    /// Its executor works in processes of its own.
    pub isolate: bool,
    /// What the pod says about batches, over what its executor's YAML says.
    pub batching: BatchingTable,
}

impl PodSpec {
    /// Whether its executor runs elsewhere, whether it can be called or not.
    pub fn is_remote(&self) -> bool {
        self.remote_unsupported.is_some() || remote::is_remote(&self.executor.value)
    }
}

/// Which Python runs an executor.
#[derive(Clone, Debug)]
pub struct PythonSpec {
    /// As it was written.
    pub written: Spanned<String>,
    /// The interpreter, or the directory of its environment; a name to be looked for is as it was written.
    pub path: PathBuf,
    /// Whether the pod itself says so: then a class of ours of the same name is not taken.
    pub set_on_pod: bool,
}

/// What a pod waits for.
#[derive(Clone, Debug)]
pub enum Needs {
    /// The pod written before it; the gateway, for the first.
    Previous,
    /// These.
    Named(Vec<Spanned<String>>),
    /// Every pod so far that no other one needs.
    AllLeaves,
}

/// How several parts of a request become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Join {
    /// Documents of the same id are merged field by field; the first part in the order of `needs` wins.
    #[default]
    Merge,
    /// As `Merge`, and embeddings of the same document are concatenated.
    ConcatenateEmbeddings,
    /// The documents of every part come one list behind the other, whatever their ids.
    Append,
}
