//! What is known of a pod's shards, and which of them a request or a document goes to because of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use flowrun_sdk::{Document, ExecutorError, Parameter, RequestParameters, ShardSummary};

use super::clusters::squared_distance;
use super::placement::Placement;
use super::split::{Way, shard_of};
use crate::spec::Strategy;

/// The endpoint whose documents are looked for where what is like them is.
pub(super) const SEARCH: &str = "/search";

/// The shards of a pod.
pub(super) struct Shards {
    /// What each knows of the documents that it holds; `None` of one that does not say.
    holdings: Arc<[Option<Arc<dyn ShardSummary>>]>,
    /// Where new documents go; none where that follows from their ids.
    placement: Option<Placement>,
}

impl Shards {
    pub(super) fn new(strategy: &Strategy, holdings: Vec<Option<Arc<dyn ShardSummary>>>) -> Self {
        let holdings: Arc<[_]> = holdings.into();
        let placement = (*strategy != Strategy::Hash && holdings.len() > 1)
            .then(|| Placement::new(strategy.clone(), Arc::clone(&holdings)));
        Self { holdings, placement }
    }

    /// The shard of each document.
    pub(super) fn place(&self, documents: &[Document]) -> Way {
        match &self.placement {
            Some(placement) => {
                let (shards, placed) = placement.place(documents);
                Way::Apart(shards, Some(placed))
            }
            None => {
                let shards = documents.iter().map(|document| shard_of(&document.id, self.holdings.len()));
                Way::Apart(shards.collect(), None)
            }
        }
    }

    /// Whether a request means more than the documents that it brings.
    pub(super) fn are_all_concerned(&self, endpoint: &str, parameters: &RequestParameters) -> bool {
        self.holdings.iter().flatten().any(|holdings| holdings.targets_all(endpoint, parameters))
    }

    /// The shards that a request is for: those that may hold something that its filter means, and when it searches, for each
    /// document as many of these as the parameter `probe` says, the nearest.
    ///
    /// # Errors
    /// When `probe` is no number of shards.
    pub(super) fn relevant(
        &self,
        endpoint: &str,
        parameters: &RequestParameters,
        documents: &[Document],
    ) -> Result<Vec<usize>, ExecutorError> {
        let relevant = self.filtered(endpoint, parameters);
        let Some(probe) = probe(parameters)?.filter(|_| endpoint == SEARCH && !documents.is_empty()) else {
            return Ok(relevant);
        };
        let mut near = BTreeSet::new();
        for document in documents {
            let Some(queries) = self.queries(document, parameters) else { return Ok(relevant) };
            for position in queries {
                near.extend(self.nearest(&position, &relevant, probe));
            }
        }
        near.extend(relevant.first().filter(|_| near.is_empty()));
        Ok(near.into_iter().collect())
    }

    /// Where that is which a document is to lead to, in every shard alike.
    fn queries(&self, document: &Document, parameters: &RequestParameters) -> Option<Vec<Vec<f32>>> {
        self.holdings.iter().flatten().find_map(|holdings| holdings.query_vectors(document, parameters))
    }

    /// So many of these shards, the nearest to a position, and all that hold something and cannot say where.
    fn nearest(&self, position: &[f32], among: &[usize], count: usize) -> Vec<usize> {
        let (mut near, mut unknown) = (Vec::new(), Vec::new());
        for shard in among {
            let holdings = self.holdings.get(*shard).and_then(Option::as_ref);
            match holdings
                .map(|holdings| (holdings.document_count(), distance(&holdings.centroids(), position)))
            {
                Some((0, _)) => {}
                Some((_, Some(distance))) => near.push((distance, *shard)),
                Some((_, None)) | None => unknown.push(*shard),
            }
        }
        near.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        near.into_iter().take(count).map(|(_, shard)| shard).chain(unknown).collect()
    }

    /// The shards that may hold something that the request's filter means. When none does, one is asked all the same: it
    /// is who knows what an answer without matches is.
    fn filtered(&self, endpoint: &str, parameters: &RequestParameters) -> Vec<usize> {
        let mut knowing = self.holdings.iter().flatten();
        let filter = knowing.next().and_then(|holdings| holdings.request_filter(endpoint, parameters));
        let Some(filter) = filter else { return (0..self.holdings.len()).collect() };
        let may_match = |holdings: &Option<Arc<dyn ShardSummary>>| {
            holdings.as_ref().is_none_or(|holdings| holdings.may_match(&filter))
        };
        let relevant = self.holdings.iter().enumerate().filter(|(_, holdings)| may_match(holdings));
        let relevant: Vec<usize> = relevant.map(|(shard, _)| shard).collect();
        if relevant.is_empty() { vec![0] } else { relevant }
    }
}

/// The square of how far a position is from the nearest centroid; `None` when there is none.
fn distance(centroids: &[Vec<f32>], position: &[f32]) -> Option<f32> {
    let comparable = centroids.iter().filter(|centroid| centroid.len() == position.len());
    comparable.map(|centroid| squared_distance(centroid, position)).min_by(f32::total_cmp)
}

/// How many of the nearest shards a request is for; `None` for all of them.
fn probe(parameters: &RequestParameters) -> Result<Option<usize>, ExecutorError> {
    let Some(value) = parameters.get("probe").filter(|value| !value.is_null()) else { return Ok(None) };
    let wrong = || ExecutorError::parameter("probe", format_args!("must be an integer ≥ 1, but is {value}"));
    usize::parse(value).filter(|probe| *probe > 0).map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::filter::Filter;
    use serde_json::json;

    use super::*;

    /// A shard whose documents are at these positions, and of which it is known that one has this id.
    struct Known {
        at: &'static [f32],
        id: Option<&'static str>,
    }

    fn known(at: &'static [f32], id: Option<&'static str>) -> Option<Arc<dyn ShardSummary>> {
        Some(Arc::new(Known { at, id }))
    }

    impl ShardSummary for Known {
        fn document_count(&self) -> u64 {
            self.at.len() as u64
        }

        fn may_contain(&self, id: &str) -> bool {
            self.id == Some(id)
        }

        fn may_contain_chunks(&self, _: &Document) -> bool {
            false
        }

        fn prepare(&self) {}

        fn request_filter(&self, _: &str, _: &RequestParameters) -> Option<Filter> {
            None
        }

        fn may_match(&self, _: &Filter) -> bool {
            true
        }

        fn placement_vector(&self, document: &Document) -> Option<Vec<f32>> {
            document.embedding.as_ref()?.to_f32().ok().map(|vector| vector.into_owned())
        }

        fn centroids(&self) -> Arc<[Vec<f32>]> {
            self.at.iter().filter(|at| at.is_finite()).map(|at| vec![*at]).collect()
        }
    }

    #[test]
    fn a_chunk_goes_where_its_document_is_on_its_way_to() {
        let shards = ["a", "b", "stored"].map(|id| known(&[], Some(id)));
        let shards = Shards::new(&Strategy::RoundRobin, shards.into());
        let place = |document: Document| match shards.place(&[document]) {
            Way::Apart(places, placed) => (places, placed),
            _ => panic!("each document has a shard"),
        };
        let mut film = Document::new("film");
        film.chunks = [Document::new("frame"), Document::new("")].into_iter().collect();
        let film = place(film);
        assert_eq!((&film.0, place(Document::new("frame")).0), (&vec![0], vec![0]));
        assert_eq!(place(Document::new("other")).0, [1]);
        // What a shard holds stays there, whatever its chunks are called.
        let mut stored = Document::new("stored");
        stored.chunks = [Document::new("frame")].into_iter().collect();
        assert_eq!(place(stored).0, [2]);
        drop(film);
        assert_eq!(place(Document::new("frame")).0, [2]);
    }

    #[test]
    fn a_probe_asks_the_nearest_and_whoever_does_not_say_where_its_documents_are() {
        let at = |positions| known(positions, None);
        // The third is out of service, the fourth has nothing, the fifth has not learned yet.
        let shards = [at(&[0.0, 9.0]), at(&[5.0]), None, at(&[]), at(&[f32::NAN]), at(&[6.0])];
        let shards = Shards::new(&Strategy::Hash, shards.into());
        let document = |at: f32| Document::new("q").with_embedding(vec![at]);
        let asked = |endpoint: &str, probe: usize, documents: &[Document]| {
            let parameters = json!({ "probe": probe }).as_object().unwrap().clone();
            shards.relevant(endpoint, &parameters, documents).unwrap()
        };
        assert_eq!(asked("/search", 1, &[document(4.0)]), [1, 2, 4]);
        assert_eq!(asked("/search", 2, &[document(5.4)]), [1, 2, 4, 5]);
        assert_eq!(asked("/search", 1, &[document(1.0), document(6.0)]), [0, 2, 4, 5]);
        let all = [0, 1, 2, 3, 4, 5];
        assert_eq!(asked("/search", 9, &[document(1.0)]), [0, 1, 2, 4, 5]);
        assert_eq!(asked("/search", 1, &[document(1.0), Document::new("no vector")]), all);
        assert_eq!(asked("/search", 1, &[]), all);
        assert_eq!(asked("/list", 1, &[document(1.0)]), all);
        let empty = Shards::new(&Strategy::Hash, vec![at(&[]), at(&[])]);
        let parameters = json!({"probe": 1}).as_object().unwrap().clone();
        assert_eq!(empty.relevant("/search", &parameters, &[document(1.0)]).unwrap(), [0]);
    }
}
