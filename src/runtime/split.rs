//! A request among the shards of a pod, and whole again behind them.

use std::sync::Arc;

use flowrun_sdk::Document;
use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_64;

use super::content::Content;
use super::gathering::Gathering;
use super::merge::Law;
use super::obligation::InFlightRequest;
use super::order::Order;
use super::placement::Placed;

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
    /// Lets go of where the documents went, once all shards are through with them.
    _placed: Option<Placed>,
}

impl Seat {
    /// Puts what a shard made of its part down; returns the whole request when it was the last.
    pub(super) fn sit(self, content: Content, law: Law, request: &InFlightRequest) -> Option<Content> {
        let parts = self.table.gathering.lock().put(self.number, content)?;
        let mut whole = request.merge(parts, law);
        if let Some(order) = &self.table.order {
            order.restore(&mut whole.documents);
        }
        Some(whole)
    }
}

/// Which shards see a request.
pub(super) enum Way {
    /// The only one there is.
    Only,
    /// These, each the whole of it.
    Whole(Vec<usize>),
    /// Of every document one, in the order of the documents.
    Apart(Vec<usize>, Option<Placed>),
}

/// The parts of a request for the shards that are to see it.
pub(super) fn split(content: Content, way: Way) -> Vec<(usize, Content, Option<Seat>)> {
    let (contents, order, placed): (Vec<_>, _, _) = match way {
        Way::Only => return vec![(0, content, None)],
        Way::Whole(shards) => {
            let copies = copies(content, shards.len());
            (shards.into_iter().zip(copies).collect(), None, None)
        }
        Way::Apart(shards, placed) => {
            let order = Order::of(&content.documents);
            (partition(content, &shards), Some(order), placed)
        }
    };
    let seats: usize = contents.len();
    let table = Arc::new(Table { gathering: Mutex::new(Gathering::new(seats)), order, _placed: placed });
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
fn partition(mut content: Content, shards: &[usize]) -> Vec<(usize, Content)> {
    content.origins.clear();
    let count = shards.iter().max().map_or(0, |last| last + 1);
    let mut lists: Vec<Vec<Document>> = vec![Vec::new(); count];
    for (document, shard) in content.documents.take().into_iter().zip(shards) {
        if let Some(list) = lists.get_mut(*shard) {
            list.push(document);
        }
    }
    let mut parts: Vec<(usize, Content)> = Vec::with_capacity(count);
    for (shard, documents) in lists.into_iter().enumerate().filter(|(_, documents)| !documents.is_empty()) {
        parts.push((shard, Content { documents: documents.into(), ..std::mem::take(&mut content) }));
    }
    parts
}
