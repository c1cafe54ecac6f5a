//! Where parts of several requests wait for one another, until they are a batch: one call of their executor.
//!
//! A lobby is the room of one shard; its replicas take batches out of it in turn. It knows no channel and no clock, so
//! threads and tasks have the same. Parts join whose requests have the endpoint and the parameters in common and no
//! document id: what an executor makes of the batch goes back to its requests by the ids (see `joint`).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use flowrun_sdk::Batching;
use parking_lot::RwLock;

use super::part::Part;
use super::route::executor_name;
use crate::spec::BatchingTable;

/// Parts that a worker takes at once: mostly one.
pub(super) struct Batch {
    pub(super) first: Part,
    pub(super) others: Vec<Part>,
}

impl Batch {
    /// A part by itself.
    pub(super) fn alone(first: Part) -> Self {
        Self { first, others: Vec::new() }
    }

    fn of(parts: Vec<Part>) -> Option<Self> {
        let mut parts = parts.into_iter();
        Some(Self { first: parts.next()?, others: parts.collect() })
    }
}

/// Which batches a pod forms.
pub(super) struct Rules {
    pod: Arc<str>,
    table: BatchingTable,
    /// Parts that may be on their way to one shard: with so many in the lobby nobody else can come.
    slots: usize,
    /// Endpoints whose batches could not be told apart again; their requests go by themselves from then on.
    inseparable: RwLock<HashSet<String>>,
}

impl Rules {
    pub(super) fn of_pod(pod: &Arc<str>, table: BatchingTable, slots: usize) -> Arc<Self> {
        Arc::new(Self { pod: Arc::clone(pod), table, slots, inseparable: RwLock::default() })
    }

    /// How a part is to be batched, if it is.
    pub(super) fn of(&self, part: &Part) -> Option<Batching> {
        let batching = self.table.get(&part.request.endpoint)?;
        (!part.content.documents.is_empty() && !self.inseparable.read().contains(&part.request.endpoint))
            .then_some(batching)
    }

    /// Gives batches of an endpoint up.
    pub(super) fn give_up(&self, endpoint: &str) {
        if self.inseparable.write().insert(endpoint.to_owned()) {
            tracing::warn!(
                pod = &*self.pod,
                endpoint,
                "the executor says something beside the documents that it was given, so its batches cannot be told \
                 apart; requests to this endpoint are called by themselves"
            );
        }
    }
}

/// A batch that is being formed.
struct Forming {
    parts: Vec<Part>,
    ids: HashSet<String>,
    documents: usize,
    /// When it goes, however few it has.
    due: Instant,
    /// Whether it waits for no more.
    full: bool,
}

/// The parts of one shard that wait for others.
pub(super) struct Lobby {
    rules: Arc<Rules>,
    forming: Vec<Forming>,
}

impl Lobby {
    pub(super) fn new(rules: Arc<Rules>) -> Self {
        Self { rules, forming: Vec::new() }
    }

    /// Lets a part in; gives it back as a batch of its own when it is to wait for nobody.
    pub(super) fn admit(&mut self, part: Part) -> Option<Batch> {
        let Some(batching) = self.rules.of(&part) else { return Some(Batch::alone(part)) };
        let documents = part.content.documents.len();
        let ids: HashSet<String> = part.content.documents.iter().map(|one| one.id.clone()).collect();
        // What an executor makes anew may have no id either; and a list of several lists is told apart by its places.
        if ids.contains("") || !part.content.origins.is_empty() {
            return Some(Batch::alone(part));
        }
        let due = due(&part, batching);
        let rules = &self.rules;
        let alike = |forming: &&mut Forming| !forming.full && forming.is_alike(&part, rules);
        for forming in self.forming.iter_mut().filter(alike) {
            if !batching.flush_all && forming.documents + documents > batching.documents {
                // Who comes next finds no room either, or would overtake.
                forming.full = true;
            } else if forming.ids.is_disjoint(&ids) {
                forming.ids.extend(ids);
                forming.documents += documents;
                forming.full = forming.documents >= batching.documents;
                forming.due = forming.due.min(due);
                forming.parts.push(part);
                return None;
            }
        }
        let full = documents >= batching.documents;
        self.forming.push(Forming { parts: vec![part], ids, documents, due, full });
        None
    }

    /// A batch that need not wait for anybody.
    pub(super) fn full(&mut self) -> Option<Batch> {
        let inside: usize = self.forming.iter().map(|forming| forming.parts.len()).sum();
        let nobody_comes = inside >= self.rules.slots;
        self.take(|forming| nobody_comes || forming.full)
    }

    /// A batch that has waited as long as it may.
    pub(super) fn due(&mut self, now: Instant) -> Option<Batch> {
        self.take(|forming| forming.due <= now)
    }

    /// When the next batch has to go.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.forming.iter().map(|forming| forming.due).min()
    }

    /// A batch, now that nobody comes any more.
    pub(super) fn last(&mut self) -> Option<Batch> {
        self.take(|_| true)
    }

    /// The batch of that kind that was begun first.
    fn take(&mut self, kind: impl Fn(&Forming) -> bool) -> Option<Batch> {
        let position = self.forming.iter().position(kind)?;
        Batch::of(self.forming.remove(position).parts)
    }
}

impl Forming {
    /// Whether the requests in it ask for the same as that of `part`.
    fn is_alike(&self, part: &Part, rules: &Rules) -> bool {
        let Some(Part { request, .. }) = self.parts.first() else { return false };
        let name = executor_name(&rules.pod);
        request.endpoint == part.request.endpoint
            && request.parameters_for(name) == part.request.parameters_for(name)
    }
}

/// When a batch with this part has to go. At least half of the time that the request has left is for the call.
fn due(part: &Part, batching: Batching) -> Instant {
    let arrived = part.arrived.unwrap_or_else(Instant::now);
    let left = part.request.deadline.map(|deadline| deadline.saturating_duration_since(arrived) / 2);
    arrived + left.map_or(batching.wait, |left| left.min(batching.wait))
}
