//! What an executor is: something that is called with documents.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::{Call, ExecutorError, ShardSummary};

/// An executor that computes. Each replica has a thread of its own and gets one call at a time.
pub trait Executor: Send {
    /// Reads or changes the documents of one call. What is not handled passes through unchanged.
    ///
    /// # Errors
    /// An error fails the whole request; to fail a single document, use [`Call::for_each`] or [`Call::fail_document`].
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError>;

    /// Called once, after the last call, to write out what is still in memory.
    ///
    /// # Errors
    /// When something could not be written.
    fn close(&mut self) -> Result<(), ExecutorError> {
        Ok(())
    }
}

/// An executor that mostly waits: for files, for the network, for other programs. It runs as a task among many,
/// with several calls at a time.
#[async_trait]
pub trait AsyncExecutor: Send + Sync {
    /// As [`Executor::execute`]. Must not block its thread. It is dropped where it waits when the deadline passes or the
    /// request is given up.
    ///
    /// # Errors
    /// As [`Executor::execute`].
    async fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError>;

    /// As [`Executor::close`].
    ///
    /// # Errors
    /// As [`Executor::close`].
    async fn close(&self) -> Result<(), ExecutorError> {
        Ok(())
    }
}

/// A constructed executor and what its pod has to know of it.
pub struct Instance {
    /// How it wants to be called.
    pub executor: BoxedExecutor,
    /// Which requests it wants to see; others pass by without a call.
    pub endpoints: Endpoints,
    /// How the matches that it finds are ordered; `None` when it finds none.
    pub ranking: Option<Ranking>,
    /// How many interchangeable executors it stands for, each of which takes the calls of one: more than one when it
    /// hands calls on to others.
    pub backends: usize,
    /// How many calls of one that waits may be under way at once; `None` for what its pod says.
    pub concurrency: Option<usize>,
    /// How many numbers the embeddings have that it makes, when it makes some and knows: a model says it in its file.
    pub output_dimension: Option<usize>,
    /// How many numbers the embeddings must have that it reads, when it reads some and knows: a filled index does. The
    /// host holds the two against each other before there is any document.
    pub input_dimension: Option<usize>,
    /// Whether a call takes next to no time, however many documents it has: one that computes is then called where the
    /// documents are, because handing them to a thread and back would take longer.
    pub inline: bool,
    /// Which endpoints it likes to be called with the documents of several requests at once, unless its flow says
    /// otherwise; `*` stands for those that are not named.
    pub batching: Vec<(String, Batching)>,
    /// What its shard knows of the documents that it holds, when it holds some and knows. The same for all replicas.
    pub shard_summary: Option<Arc<dyn ShardSummary>>,
}

/// How requests to an endpoint become batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// Documents that a call shall have; with so many a batch waits no longer.
    pub documents: usize,
    /// How long the first request of a batch waits for others.
    pub wait: Duration,
    /// Whether the request that completes a batch may take it beyond `documents`.
    pub flush_all: bool,
}

/// How an executor wants to be called.
pub enum BoxedExecutor {
    /// On a thread of its own.
    Sync(Box<dyn Executor>),
    /// As a task.
    Async(Box<dyn AsyncExecutor>),
}

/// The endpoints that an executor handles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoints {
    /// Every one.
    All,
    /// These alone.
    Only(Vec<String>),
}

impl Endpoints {
    /// These endpoints alone.
    #[must_use]
    pub fn only<const N: usize>(endpoints: [&str; N]) -> Self {
        Self::Only(endpoints.map(str::to_owned).to_vec())
    }

    /// Whether requests to `endpoint` are handled.
    pub fn handles(&self, endpoint: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(endpoints) => endpoints.iter().any(|handled| handled == endpoint),
        }
    }
}

/// How matches are ordered, which is what it takes to merge the matches of several shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranking {
    /// Which scores come first.
    pub order: Order,
    /// How many matches are kept when the request does not say.
    pub top_k: usize,
}

/// Which scores come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Small ones: distances.
    Ascending,
    /// Large ones: similarities, relevance.
    Descending,
}

impl Instance {
    /// A computing executor that sees every request.
    #[must_use]
    pub fn new(executor: impl Executor + 'static) -> Self {
        Self::of(BoxedExecutor::Sync(Box::new(executor)))
    }

    /// A waiting executor that sees every request.
    #[must_use]
    pub fn new_async(executor: impl AsyncExecutor + 'static) -> Self {
        Self::of(BoxedExecutor::Async(Box::new(executor)))
    }

    fn of(executor: BoxedExecutor) -> Self {
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

    /// The same, of which a call takes next to no time.
    #[must_use]
    pub fn inline(self) -> Self {
        Self { inline: true, ..self }
    }

    /// The same, standing for so many.
    #[must_use]
    pub fn with_backends(self, backends: usize) -> Self {
        Self { backends, ..self }
    }

    /// The same, making embeddings of so many numbers.
    #[must_use]
    pub fn with_output_dimension(self, dimension: Option<usize>) -> Self {
        Self { output_dimension: dimension, ..self }
    }

    /// The same, reading embeddings of so many numbers alone.
    #[must_use]
    pub fn with_input_dimension(self, dimension: Option<usize>) -> Self {
        Self { input_dimension: dimension, ..self }
    }

    /// The same, getting no more than so many calls at once.
    #[must_use]
    pub fn with_concurrency(self, concurrency: usize) -> Self {
        Self { concurrency: Some(concurrency), ..self }
    }

    /// The same, liking requests to `endpoint` in batches.
    #[must_use]
    pub fn with_batching(mut self, endpoint: &str, batching: Batching) -> Self {
        self.batching.push((endpoint.to_owned(), batching));
        self
    }

    /// The same, for these endpoints alone.
    #[must_use]
    pub fn with_endpoints<const N: usize>(self, endpoints: [&str; N]) -> Self {
        Self { endpoints: Endpoints::only(endpoints), ..self }
    }

    /// The same, knowing what its shard holds.
    #[must_use]
    pub fn with_shard_summary(self, summary: impl ShardSummary + 'static) -> Self {
        Self { shard_summary: Some(Arc::new(summary)), ..self }
    }

    /// The same, finding matches in this order.
    #[must_use]
    pub fn with_ranking(self, order: Order, top_k: usize) -> Self {
        Self { ranking: Some(Ranking { order, top_k }), ..self }
    }
}
