//! A constructed executor and its properties.

use std::sync::Arc;
use std::time::Duration;

use crate::{AsyncExecutor, Executor, ShardSummary};

/// A constructed executor, and the properties that its pod needs to know.
pub struct Instance {
    /// The executor.
    pub executor: BoxedExecutor,
    /// Endpoints that the executor handles; requests to other endpoints pass without a call.
    pub endpoints: Endpoints,
    /// Order of the matches that the executor finds; `None` if it finds none.
    pub ranking: Option<Ranking>,
    /// Number of interchangeable executors that the executor forwards calls to. Each takes as many calls as one
    /// replica. 1 for an executor that does not forward calls.
    pub backends: usize,
    /// Maximum number of concurrent calls of an async executor; `None` for the pod's setting.
    pub concurrency: Option<usize>,
    /// Dimension of the embeddings that the executor computes; `None` if it computes none or does not know. A model file
    /// states it.
    pub output_dimension: Option<usize>,
    /// Dimension of the embeddings that the executor requires; `None` if it requires none or does not know. An index with
    /// documents knows it. The host compares both dimensions before the first document.
    pub input_dimension: Option<usize>,
    /// `true` if a call takes negligible time for any number of documents. A CPU-bound executor is then called on the
    /// thread of the caller, because handing the documents to another thread would take longer.
    pub inline: bool,
    /// Preferred batching by endpoint, `*` for all that are not listed; the flow can override it.
    pub batching: Vec<(String, Batching)>,
    /// Summary of the documents that the shard stores, if it stores any. Replicas share it.
    pub shard_summary: Option<Arc<dyn ShardSummary>>,
}

/// Dynamic batching: documents of several requests in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Batching {
    /// Number of documents that completes a batch (`preferred_batch_size`).
    pub documents: usize,
    /// Time that the first request of a batch waits for further requests (`timeout`).
    pub wait: Duration,
    /// `true` if the request that completes a batch joins it whole, even beyond `documents`.
    pub flush_all: bool,
}

/// An executor of either kind.
pub enum BoxedExecutor {
    /// CPU-bound: runs on a thread of its own.
    Sync(Box<dyn Executor>),
    /// I/O-bound: runs as async tasks.
    Async(Box<dyn AsyncExecutor>),
}

/// Endpoints that an executor handles.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Endpoints {
    /// All endpoints.
    All,
    /// The listed endpoints.
    Only(Vec<String>),
}

impl Endpoints {
    /// Creates a list of endpoints.
    #[must_use]
    pub fn only<const N: usize>(endpoints: [&str; N]) -> Self {
        Self::Only(endpoints.map(str::to_owned).to_vec())
    }

    /// Returns `true` if requests to `endpoint` are handled.
    pub fn handles(&self, endpoint: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(endpoints) => endpoints.iter().any(|handled| handled == endpoint),
        }
    }
}

/// Order and number of matches. Merging the matches of several shards requires it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ranking {
    /// Order of the scores.
    pub order: Order,
    /// Number of matches per document, unless the request sets another.
    pub top_k: usize,
}

/// Order of scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Order {
    /// Small scores first: distances.
    Ascending,
    /// Large scores first: similarities, relevance.
    Descending,
}

impl Instance {
    /// Wraps a CPU-bound executor that handles all endpoints.
    #[must_use]
    pub fn new(executor: impl Executor + 'static) -> Self {
        Self::with_defaults(BoxedExecutor::Sync(Box::new(executor)))
    }

    /// Wraps an async executor that handles all endpoints.
    #[must_use]
    pub fn new_async(executor: impl AsyncExecutor + 'static) -> Self {
        Self::with_defaults(BoxedExecutor::Async(Box::new(executor)))
    }

    fn with_defaults(executor: BoxedExecutor) -> Self {
        Self {
            executor,
            endpoints: Endpoints::All,
            ranking: None,
            backends: 1,
            concurrency: None,
            output_dimension: None,
            input_dimension: None,
            inline: false,
            batching: Vec::new(),
            shard_summary: None,
        }
    }

    /// Declares that a call takes negligible time; see [`Instance::inline`](field@Instance::inline).
    #[must_use]
    pub fn inline(self) -> Self {
        Self { inline: true, ..self }
    }

    /// Sets the number of executors that calls are forwarded to.
    #[must_use]
    pub fn with_backends(self, backends: usize) -> Self {
        Self { backends, ..self }
    }

    /// Sets the dimension of the embeddings that the executor computes.
    #[must_use]
    pub fn with_output_dimension(self, dimension: Option<usize>) -> Self {
        Self { output_dimension: dimension, ..self }
    }

    /// Sets the dimension of the embeddings that the executor requires.
    #[must_use]
    pub fn with_input_dimension(self, dimension: Option<usize>) -> Self {
        Self { input_dimension: dimension, ..self }
    }

    /// Limits the number of concurrent calls.
    #[must_use]
    pub fn with_concurrency(self, concurrency: usize) -> Self {
        Self { concurrency: Some(concurrency), ..self }
    }

    /// Sets the preferred batching of requests to `endpoint`.
    #[must_use]
    pub fn with_batching(mut self, endpoint: &str, batching: Batching) -> Self {
        self.batching.push((endpoint.to_owned(), batching));
        self
    }

    /// Restricts the executor to the listed endpoints.
    #[must_use]
    pub fn with_endpoints<const N: usize>(self, endpoints: [&str; N]) -> Self {
        Self { endpoints: Endpoints::only(endpoints), ..self }
    }

    /// Sets the summary of the documents that the shard stores.
    #[must_use]
    pub fn with_shard_summary(self, summary: impl ShardSummary + 'static) -> Self {
        Self { shard_summary: Some(Arc::new(summary)), ..self }
    }

    /// Declares that the executor finds matches, their order, and their number per document unless the request sets another.
    #[must_use]
    pub fn with_ranking(self, order: Order, top_k: usize) -> Self {
        Self { ranking: Some(Ranking { order, top_k }), ..self }
    }
}
