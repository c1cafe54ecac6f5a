//! A request among the shards of a pod, and whole again behind them.

use std::sync::Arc;

use flowrun_sdk::Document;
use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_64;

use super::content::Content;
use super::gathering::Gathering;
use super::merge::Law;
use super::obligation::Obligation;
use super::order::Order;
use crate::spec::Polling;

/// The shard that a document belongs to. The same on every machine and in every version: data on disk depends on it.
#[must_use]
pub fn shard_of(id: &str, shards: usize) -> usize {
    let shards = u64::try_from(shards.max(1)).unwrap_or(u64::MAX);
    usize::try_from(xxh3_64(id.as_bytes()) % shards).unwrap_or(0)
}

/// A seat among the parts of one request that the shards of a pod work on.
#[derive(Clone)]
pub(super) struct Seat {
    table: Arc<Table>,
    number: usize,
}

/// Where the shards' parts of one request come together again.
struct Table {
    gathering: Mutex<Gathering>,
    /// The documents as they came in, when each shard got some of them.
    order: Option<Order>,
}

impl Seat {
    /// Puts what a shard made of its part down; returns the whole request when it was the last.
    pub(super) fn sit(self, content: Content, law: Law, obligation: &Obligation) -> Option<Content> {
        let parts = self.table.gathering.lock().put(self.number, content)?;
        let mut whole = obligation.merge(parts, law);
        if let Some(order) = &self.table.order {
            order.restore(&mut whole.documents);
        }
        Some(whole)
    }
}

/// The parts of a request for the shards that are to see it.
///
/// Polled `ANY`, each document goes to the shard that its id belongs to; a request without documents has nothing to
/// choose a shard by and goes to all.
pub(super) fn split(
    content: Content,
    shards: usize,
    polling: Polling,
) -> Vec<(usize, Content, Option<Seat>)> {
    if shards == 1 {
        return vec![(0, content, None)];
    }
    let (contents, order) = if polling == Polling::All || content.documents.is_empty() {
        ((0..shards).zip(copies(content, shards)).collect(), None)
    } else {
        let order = Order::of(&content.documents);
        (partition(content, shards), Some(order))
    };
    let seats: usize = contents.len();
    let table = Arc::new(Table { gathering: Mutex::new(Gathering::new(seats)), order });
    let seated =
        contents.into_iter().enumerate().map(|(number, (shard, content)): (usize, (usize, Content))| {
            (shard, content, Some(Seat { table: Arc::clone(&table), number }))
        });
    seated.collect()
}

/// So many copies of the documents; what was said before is carried by the first.
fn copies(content: Content, count: usize) -> impl Iterator<Item = Content> {
    let (documents, origins) = (content.documents.clone(), content.origins.clone());
    let copy = move |_| Content { origins: origins.clone(), ..Content::of(documents.clone()) };
    std::iter::once(content).chain((1..count).map(copy))
}

/// The documents by the shards that they belong to; what was said before is carried by the first.
fn partition(mut content: Content, shards: usize) -> Vec<(usize, Content)> {
    content.origins.clear();
    let mut lists: Vec<Vec<Document>> = vec![Vec::new(); shards];
    for document in content.documents.take() {
        if let Some(list) = lists.get_mut(shard_of(&document.id, shards)) {
            list.push(document);
        }
    }
    let mut parts: Vec<(usize, Content)> = Vec::with_capacity(shards);
    for (shard, documents) in lists.into_iter().enumerate().filter(|(_, documents)| !documents.is_empty()) {
        parts.push((shard, Content { documents: documents.into(), ..std::mem::take(&mut content) }));
    }
    parts
}
