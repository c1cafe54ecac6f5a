//! Splits a request among the shards of a pod, and merges the results of the shards.

use std::sync::Arc;

use flowrun_sdk::Document;
use parking_lot::Mutex;

use super::placement::PlacementGuard;
use crate::runtime::request::{Content, DocumentOrder, Gather, InFlightRequest, MergePolicy};

/// Distribution of one request over the shards of a pod.
pub(in crate::runtime) enum Fanout {
    /// The pod has a single shard.
    Single,
    /// The listed shards receive the whole request each.
    Broadcast(Vec<usize>),
    /// Each document goes to one shard: the shard numbers, in document order. The guard is held until all shards have
    /// returned their documents; there is none under `strategy: hash`.
    Partition(Vec<usize>, Option<PlacementGuard>),
}

/// Slot for the result of one shard. Cloning it does not add a slot.
#[derive(Clone)]
pub(in crate::runtime) struct GatherSlot {
    gather: Arc<ShardGather>,
    number: usize,
}

/// Collects the results of the shards for one request.
struct ShardGather {
    results: Mutex<Gather>,
    /// Order of the documents before they were partitioned.
    order: Option<DocumentOrder>,
    /// Dropped with the gather: the documents are no longer in flight.
    _placement: Option<PlacementGuard>,
}

impl GatherSlot {
    /// Stores the result of this slot's shard. Returns the merged results of all shards when it was the last.
    pub(in crate::runtime) fn fill(
        self,
        content: Content,
        policy: MergePolicy,
        request: &InFlightRequest,
    ) -> Option<Content> {
        let parts = self.gather.results.lock().put(self.number, content)?;
        let mut merged = request.merge(parts, policy);
        if let Some(order) = &self.gather.order {
            order.restore(&mut merged.documents);
        }
        Some(merged)
    }
}

/// Splits `content` by `fanout`. Returns the shard, the content and the result slot of each part.
pub(in crate::runtime) fn split(
    content: Content,
    fanout: Fanout,
) -> Vec<(usize, Content, Option<GatherSlot>)> {
    let (parts, order, placement): (Vec<_>, _, _) = match fanout {
        Fanout::Single => return vec![(0, content, None)],
        Fanout::Broadcast(shards) => {
            let copies = copies(content, shards.len());
            (shards.into_iter().zip(copies).collect(), None, None)
        }
        Fanout::Partition(shards, placement) => {
            let order = DocumentOrder::new(&content.documents);
            (partition(content, &shards), Some(order), placement)
        }
    };
    let results = Mutex::new(Gather::new(parts.len()));
    let gather = Arc::new(ShardGather { results, order, _placement: placement });
    let with_slot = |(number, (shard, content)): (usize, (usize, Content))| {
        (shard, content, Some(GatherSlot { gather: Arc::clone(&gather), number }))
    };
    parts.into_iter().enumerate().map(with_slot).collect()
}

/// `count` shallow copies of the documents. The first copy carries earlier failures and results.
fn copies(content: Content, count: usize) -> impl Iterator<Item = Content> {
    let (documents, origins) = (content.documents.clone(), content.origins.clone());
    let copy = move |_| Content { origins: origins.clone(), ..Content::new(documents.clone()) };
    std::iter::once(content).chain((1..count).map(copy))
}

/// The documents grouped by shard; shards without documents are left out. The first part carries earlier failures and
/// results.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn content(ids: &str) -> Content {
        Content::new(ids.chars().map(Document::new).collect())
    }

    fn ids(content: &Content) -> String {
        content.documents.iter().map(|document| document.id.as_str()).collect()
    }

    #[test]
    fn a_broadcast_sends_every_document_to_every_shard() {
        let parts = split(content("abc"), Fanout::Broadcast(vec![0, 2]));
        let parts: Vec<_> = parts.iter().map(|(shard, content, _)| (*shard, ids(content))).collect();
        assert_eq!(parts, [(0, "abc".to_owned()), (2, "abc".to_owned())]);
    }

    #[test]
    fn a_partition_sends_each_document_to_one_shard() {
        let parts = split(content("abcd"), Fanout::Partition(vec![3, 0, 3, 1], None));
        let parts: Vec<_> = parts.iter().map(|(shard, content, _)| (*shard, ids(content))).collect();
        assert_eq!(parts, [(0, "b".to_owned()), (1, "d".to_owned()), (3, "ac".to_owned())]);
    }
}
