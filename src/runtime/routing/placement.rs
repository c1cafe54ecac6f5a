//! Chooses the shard of each document for all placement strategies but `hash`.
//!
//! A stored document stays in its shard whatever the strategy chooses now, so writing an id again replaces it. The shard
//! of an id in flight is remembered until that shard has returned; meanwhile documents with the same id go there too. The
//! shard summaries are queried under the same lock, so an id is always seen either in flight or stored.

use std::collections::HashMap;
use std::sync::Arc;

use flowrun_sdk::{Document, ShardSummary};
use parking_lot::Mutex;

use super::clusters::Clusters;
use super::shard_hash::shard_of;
use super::shard_loads::ShardLoads;
use super::tag_placement::{index_by_tags, shards_of_group};
use crate::spec::Strategy;

/// Summaries of the shards of a pod; `None` for a shard that reports none.
pub(super) type Summaries = Arc<[Option<Arc<dyn ShardSummary>>]>;

/// Placement of new documents by one strategy.
pub(super) struct Placement {
    strategy: Strategy,
    summaries: Summaries,
    state: Arc<Mutex<PlacementState>>,
}

/// Documents in flight to the shards, and the state of the strategy.
#[derive(Default)]
struct PlacementState {
    /// Shard of each id in flight, and the number of documents in flight with that id.
    in_flight: HashMap<String, (usize, usize)>,
    /// Number of ids in flight to each shard.
    counts: Vec<u64>,
    /// Next shard of `strategy: round_robin`.
    next: usize,
    /// Clusters of `strategy: cluster`; created with the first vector.
    clusters: Option<Clusters>,
}

impl PlacementState {
    /// The shard that a document with this id is in flight to.
    fn shard_in_flight(&self, id: &str) -> Option<usize> {
        self.in_flight.get(id).map(|(shard, _)| *shard)
    }

    /// Records ids in flight to `shard`. An id in flight to another shard stays assigned to that one.
    fn add(&mut self, ids: &[String], shard: usize) {
        for id in ids {
            let (shard, count) = self.in_flight.entry(id.clone()).or_insert((shard, 0));
            *count += 1;
            if *count == 1
                && let Some(count) = self.counts.get_mut(*shard)
            {
                *count += 1;
            }
        }
    }

    fn remove(&mut self, id: &str) {
        let Some((shard, count)) = self.in_flight.get_mut(id) else { return };
        *count -= 1;
        if *count == 0 {
            let shard = *shard;
            self.in_flight.remove(id);
            if let Some(count) = self.counts.get_mut(shard) {
                *count -= 1;
            }
        }
    }
}

/// Keeps the placed documents of one request marked as in flight until it is dropped.
pub(in crate::runtime) struct PlacementGuard {
    state: Arc<Mutex<PlacementState>>,
    ids: Vec<String>,
}

impl Drop for PlacementGuard {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        self.ids.iter().for_each(|id| state.remove(id));
    }
}

impl Placement {
    /// Placement by `strategy` in shards with these summaries.
    pub(super) fn new(strategy: Strategy, summaries: Summaries) -> Self {
        let state = PlacementState { counts: vec![0; summaries.len()], ..PlacementState::default() };
        Self { strategy, summaries, state: Arc::new(Mutex::new(state)) }
    }

    /// Chooses the shard of each document. The documents count as in flight while the guard is held.
    pub(super) fn place(&self, documents: &[Document]) -> (Vec<usize>, PlacementGuard) {
        let mut guard = PlacementGuard { state: Arc::clone(&self.state), ids: Vec::new() };
        let place = |document: &Document| {
            let mut ids = Vec::new();
            collect_ids(document, &mut ids);
            let mut state = self.state.lock();
            let shard = self.current_shard(document, &ids, &state);
            let shard = shard.unwrap_or_else(|| self.choose(document, &mut state));
            state.add(&ids, shard);
            guard.ids.append(&mut ids);
            shard
        };
        let shards = documents.iter().map(place).collect();
        (shards, guard)
    }

    /// The shard that the document, or else one of its chunks, is in flight to or stored in. `ids` are the document's id
    /// and those of its chunks. A shard without a summary may store any document, so it counts as a match.
    fn current_shard(&self, document: &Document, ids: &[String], state: &PlacementState) -> Option<usize> {
        let first = |matches: &dyn Fn(&dyn ShardSummary) -> bool| {
            self.summaries.iter().position(|summary| summary.as_deref().is_some_and(matches))
        };
        state
            .shard_in_flight(&document.id)
            .or_else(|| first(&|summary| summary.may_contain(&document.id)))
            .or_else(|| ids.iter().find_map(|id| state.shard_in_flight(id)))
            .or_else(|| first(&|summary| summary.may_contain_chunks(document)))
            .or_else(|| self.summaries.iter().position(Option::is_none))
    }

    /// The shard of a new document.
    fn choose(&self, document: &Document, state: &mut PlacementState) -> usize {
        let shards = self.summaries.len();
        match &self.strategy {
            Strategy::Hash => shard_of(&document.id, shards),
            Strategy::RoundRobin => {
                let shard = state.next % shards;
                state.next = shard + 1;
                shard
            }
            Strategy::LeastLoaded => self.loads(0..shards, state).least_loaded(),
            Strategy::Cluster(clusters_max) => match self.vector(document) {
                Some(vector) => {
                    let loads = self.loads(0..shards, state);
                    let clusters = state.clusters.get_or_insert_with(|| self.stored_clusters(*clusters_max));
                    clusters.shard(vector, &loads)
                }
                None => shard_of(&document.id, shards),
            },
            Strategy::ByTags(tags) => {
                let Some(group) = &tags.group else {
                    let shard = index_by_tags(tags, document, shards);
                    return shard.unwrap_or_else(|| shard_of(&document.id, shards));
                };
                let candidates = shards_of_group(group, document, shards);
                let index = index_by_tags(tags, document, candidates.len());
                let shard = index.and_then(|index| candidates.get(index).copied());
                let loads = self.loads(candidates, state);
                shard.filter(|shard| loads.has_capacity(*shard)).unwrap_or_else(|| loads.least_loaded())
            }
        }
    }

    /// Documents stored in or in flight to the candidate shards.
    fn loads(&self, candidates: impl IntoIterator<Item = usize>, state: &PlacementState) -> ShardLoads {
        ShardLoads::new(candidates.into_iter().map(|shard| (shard, self.load(shard, state))))
    }

    /// Number of documents stored in or in flight to `shard`.
    fn load(&self, shard: usize, state: &PlacementState) -> u64 {
        let summary = self.summaries.get(shard).and_then(Option::as_ref);
        let stored = summary.map_or(0, |summary| summary.document_count());
        stored.saturating_add(state.counts.get(shard).copied().unwrap_or(0))
    }

    /// The vector of a document; `None` unless every shard has one for it. An empty index does not know its dimension.
    fn vector(&self, document: &Document) -> Option<Vec<f32>> {
        let mut vectors = self.summaries.iter().flatten().map(|summary| summary.placement_vector(document));
        let vector = vectors.next()??;
        vectors.all(|other| other.is_some()).then_some(vector)
    }

    /// Clusters that start from the centroids of the stored vectors.
    fn stored_clusters(&self, clusters_max: usize) -> Clusters {
        let summaries = self.summaries.iter().enumerate();
        let summaries = summaries.filter_map(|(shard, summary)| Some((shard, summary.as_ref()?)));
        let centroids = summaries.flat_map(|(shard, summary)| {
            summary.centroids().iter().map(|centroid| (centroid.clone(), shard)).collect::<Vec<_>>()
        });
        Clusters::new(clusters_max, centroids)
    }
}

/// Collects the ids of a document and of its chunks at all depths; empty ids are skipped. An indexer may store them all.
fn collect_ids(document: &Document, ids: &mut Vec<String>) {
    if !document.id.is_empty() {
        ids.push(document.id.clone());
    }
    document.chunks.iter().for_each(|chunk| collect_ids(chunk, ids));
}
