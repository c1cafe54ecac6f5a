//! Forms batches: several requests that share one executor call.
//!
//! There is one batcher per shard; its replicas take batches from it in turn. Requests share a batch when they have the
//! same endpoint and parameters and no document id in common, because the answer is split by document id (see
//! [`batch_call`](super::batch_call)). The batcher owns no queue and starts no timers, so that threads and tasks can use
//! it alike: [`work_queue`](super::work_queue) adds parts and waits for deadlines.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use flowrun_sdk::{Batching, ErrorKind};
use parking_lot::RwLock;

use crate::runtime::request::ExecutorNames;
use crate::runtime::routing::Part;
use crate::spec::BatchingTable;

/// Parts that a worker takes together, for one call; a single part at pods without batching.
pub(in crate::runtime) struct Batch {
    pub(super) first: Part,
    pub(super) others: Vec<Part>,
}

impl Batch {
    /// A batch of a single part.
    pub(super) fn single(first: Part) -> Self {
        Self { first, others: Vec::new() }
    }

    /// A batch of all these parts; `None` without any.
    pub(super) fn from_parts(parts: Vec<Part>) -> Option<Self> {
        let mut parts = parts.into_iter();
        Some(Self { first: parts.next()?, others: parts.collect() })
    }

    /// The parts, in order.
    pub(in crate::runtime) fn into_parts(self) -> impl Iterator<Item = Part> {
        std::iter::once(self.first).chain(self.others)
    }

    /// The reason why no request of the batch needs more work at time `now`: that of the first request. `None` while
    /// one of them needs work.
    pub(super) fn ended(&self, now: Instant) -> Option<ErrorKind> {
        let others_ended = self.others.iter().all(|part| part.request.ended(now).is_some());
        self.first.request.ended(now).filter(|_| others_ended)
    }
}

/// Batching rules of one pod, shared by its shards.
pub(in crate::runtime) struct BatchPolicy {
    pod: Arc<str>,
    names: ExecutorNames,
    table: BatchingTable,
    /// Largest number of parts that can wait for one shard. Once the batcher has this many, no more can arrive.
    parts_max: usize,
    /// Endpoints whose answers could not be split; their requests are no longer batched.
    inseparable: RwLock<HashSet<String>>,
}

impl BatchPolicy {
    pub(in crate::runtime) fn new(
        pod: &Arc<str>,
        names: ExecutorNames,
        table: BatchingTable,
        parts_max: usize,
    ) -> Arc<Self> {
        Arc::new(Self { pod: Arc::clone(pod), names, table, parts_max, inseparable: RwLock::default() })
    }

    /// The batching of a part; `None` when it is called on its own.
    pub(super) fn batching_for(&self, part: &Part) -> Option<Batching> {
        let batching = self.table.get(&part.request.input.endpoint)?;
        (!part.content.documents.is_empty()
            && !self.inseparable.read().contains(&part.request.input.endpoint))
        .then_some(batching)
    }

    /// Stops batching requests to `endpoint`.
    pub(super) fn disable(&self, endpoint: &str) {
        if self.inseparable.write().insert(endpoint.to_owned()) {
            tracing::warn!(
                pod = &*self.pod,
                endpoint,
                "batching is disabled for this endpoint: the executor returns results or documents that belong to no \
                 document of the batch, so its answers cannot be split by request"
            );
        }
    }
}

/// A batch that may still grow.
struct OpenBatch {
    parts: Vec<Part>,
    ids: HashSet<String>,
    documents: usize,
    /// Latest time of the call, however small the batch is.
    due: Instant,
    full: bool,
}

/// The open batches of one shard, oldest first.
pub(in crate::runtime) struct Batcher {
    policy: Arc<BatchPolicy>,
    open: Vec<OpenBatch>,
}

impl Batcher {
    pub(in crate::runtime) fn new(policy: Arc<BatchPolicy>) -> Self {
        Self { policy, open: Vec::new() }
    }

    /// Adds a part to a batch. Returns it as a batch of its own when it cannot share a call.
    pub(super) fn add(&mut self, part: Part) -> Option<Batch> {
        let Some(batching) = self.policy.batching_for(&part) else { return Some(Batch::single(part)) };
        let documents = part.content.documents.len();
        let ids: HashSet<String> =
            part.content.documents.iter().map(|document| document.id.clone()).collect();
        // Documents without an id cannot be distinguished from new ones, and appended lists are split by position.
        if ids.contains("") || !part.content.origins.is_empty() {
            return Some(Batch::single(part));
        }
        let due = due_time(&part, batching);
        let policy = &self.policy;
        let matching = |batch: &&mut OpenBatch| !batch.full && batch.accepts(&part, policy);
        for batch in self.open.iter_mut().filter(matching) {
            if !batching.flush_all && batch.documents + documents > batching.documents {
                // A later, smaller part must not overtake this one.
                batch.full = true;
            } else if batch.ids.is_disjoint(&ids) {
                batch.ids.extend(ids);
                batch.documents += documents;
                batch.full = batch.documents >= batching.documents;
                batch.due = batch.due.min(due);
                batch.parts.push(part);
                return None;
            }
        }
        let full = documents >= batching.documents;
        self.open.push(OpenBatch { parts: vec![part], ids, documents, due, full });
        None
    }

    /// Takes a batch that need not wait: it is full, or every part that can arrive has arrived.
    pub(super) fn take_full(&mut self) -> Option<Batch> {
        let parts: usize = self.open.iter().map(|batch| batch.parts.len()).sum();
        let all_arrived = parts >= self.policy.parts_max;
        self.take(|batch| all_arrived || batch.full)
    }

    /// Takes a batch whose waiting time is over.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Batch> {
        self.take(|batch| batch.due <= now)
    }

    /// Earliest due time of an open batch.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.open.iter().map(|batch| batch.due).min()
    }

    /// Takes any batch, once the input has ended.
    pub(super) fn take_any(&mut self) -> Option<Batch> {
        self.take(|_| true)
    }

    /// Removes the parts that satisfy `condition`, with the batches that become empty.
    pub(super) fn remove(&mut self, condition: impl Fn(&Part) -> bool) -> Vec<Part> {
        let removed = self.open.iter_mut().flat_map(|batch| batch.remove(&condition)).collect();
        self.open.retain(|batch| !batch.parts.is_empty());
        removed
    }

    /// Takes the oldest batch that satisfies `condition`.
    fn take(&mut self, condition: impl Fn(&OpenBatch) -> bool) -> Option<Batch> {
        let position = self.open.iter().position(condition)?;
        Batch::from_parts(self.open.remove(position).parts)
    }
}

impl OpenBatch {
    /// Removes the parts that satisfy `condition`.
    fn remove(&mut self, condition: impl Fn(&Part) -> bool) -> Vec<Part> {
        let removed: Vec<Part> = self.parts.extract_if(.., |part| condition(part)).collect();
        for document in removed.iter().flat_map(|part| part.content.documents.iter()) {
            self.ids.remove(&document.id);
            self.documents -= 1;
        }
        removed
    }

    /// Returns `true` when `part` has the endpoint and parameters of this batch.
    fn accepts(&self, part: &Part, policy: &BatchPolicy) -> bool {
        let Some(Part { request, .. }) = self.parts.first() else { return false };
        let names = &policy.names;
        request.input.endpoint == part.request.input.endpoint
            && request.input.parameters_for(names) == part.request.input.parameters_for(names)
    }
}

/// Latest time at which a batch with this part is called. At least half of the time until the request's deadline is left
/// for the call itself.
fn due_time(part: &Part, batching: Batching) -> Instant {
    let arrived = part.arrived.unwrap_or_else(Instant::now);
    let left = part.request.input.deadline.map(|deadline| deadline.saturating_duration_since(arrived) / 2);
    arrived + left.map_or(batching.wait, |left| left.min(batching.wait))
}
