//! The shards of a pod as seen by requests: which of them can match a filter, and which are nearest to a query.

use std::collections::BTreeSet;
use std::sync::Arc;

use flowrun_sdk::filter::Filter;
use flowrun_sdk::{Document, ExecutorError, Parameter, RequestParameters, ShardSummary, WholeShardRequests};

use super::clusters::squared_distance;
use super::fanout::Fanout;
use super::placement::{Placement, Summaries};
use super::shard_hash::shard_of;
use crate::spec::Strategy;

/// The endpoint at which the parameter `probe` limits a request to the nearest shards.
pub(in crate::runtime) const SEARCH_ENDPOINT: &str = "/search";

/// Maximum number of documents whose own filters choose shards: parsing them must not delay other requests. The filters of more
/// documents together rarely exclude a shard.
const FILTERING_DOCUMENTS_MAX: usize = 64;

/// Summaries of a pod's shards, and the placement of its documents.
pub(in crate::runtime) struct PodShards {
    summaries: Summaries,
    /// `None` under `strategy: hash`, where the shard follows from the id.
    placement: Option<Placement>,
    /// Requests that every shard receives, from the executor's description: shards on workers have no summary.
    whole_shard_requests: Vec<WholeShardRequests>,
}

impl PodShards {
    pub(in crate::runtime) fn new(
        strategy: &Strategy,
        summaries: Vec<Option<Arc<dyn ShardSummary>>>,
        whole_shard_requests: Vec<WholeShardRequests>,
    ) -> Self {
        let summaries: Summaries = summaries.into();
        let placement = (*strategy != Strategy::Hash && summaries.len() > 1)
            .then(|| Placement::new(strategy.clone(), Arc::clone(&summaries)));
        Self { summaries, placement, whole_shard_requests }
    }

    /// Sends each document to the shard that stores it or will store it.
    pub(in crate::runtime) fn partition(&self, documents: &[Document]) -> Fanout {
        match &self.placement {
            Some(placement) => {
                let (shards, guard) = placement.place(documents);
                Fanout::Partition(shards, Some(guard))
            }
            None => {
                let shards = documents.iter().map(|document| shard_of(&document.id, self.summaries.len()));
                Fanout::Partition(shards.collect(), None)
            }
        }
    }

    /// Returns `true` when the request affects documents that it does not contain, such as a delete by filter, so that
    /// every shard must receive it.
    pub(in crate::runtime) fn needs_all(&self, endpoint: &str, parameters: &RequestParameters) -> bool {
        self.whole_shard_requests.iter().any(|requests| requests.include(endpoint, parameters))
            || self.summaries.iter().flatten().any(|summary| summary.targets_all(endpoint, parameters))
    }

    /// The shards that a request must visit: those that may contain matches of its filter, and of those of its documents. At
    /// `/search` with the parameter `probe`, only the `probe` nearest ones to each document.
    ///
    /// # Errors
    /// When `probe` is not a positive integer.
    pub(in crate::runtime) fn relevant(
        &self,
        endpoint: &str,
        parameters: &RequestParameters,
        documents: &[Document],
    ) -> Result<Vec<usize>, ExecutorError> {
        let candidates = self.matching_filters(endpoint, parameters, documents);
        let probe = probe(parameters)?;
        let Some(probe) = probe.filter(|_| endpoint == SEARCH_ENDPOINT && !documents.is_empty()) else {
            return Ok(candidates);
        };
        let mut nearest = BTreeSet::new();
        for document in documents {
            let Some(vectors) = self.query_vectors(document, parameters) else { return Ok(candidates) };
            for vector in vectors {
                nearest.extend(self.nearest(&vector, &candidates, probe));
            }
        }
        nearest.extend(candidates.first().filter(|_| nearest.is_empty()));
        Ok(nearest.into_iter().collect())
    }

    /// The vectors that a document is searched by. They are equal in all shards, so the first summary that knows them is used.
    fn query_vectors(&self, document: &Document, parameters: &RequestParameters) -> Option<Vec<Vec<f32>>> {
        self.summaries.iter().flatten().find_map(|summary| summary.query_vectors(document, parameters))
    }

    /// The `count` candidates nearest to `vector`, and all candidates with documents but without centroids.
    fn nearest(&self, vector: &[f32], candidates: &[usize], count: usize) -> Vec<usize> {
        let (mut nearest, mut unknown) = (Vec::new(), Vec::new());
        for shard in candidates {
            let summary = self.summaries.get(*shard).and_then(Option::as_ref);
            let known =
                summary.map(|summary| (summary.document_count(), distance(&summary.centroids(), vector)));
            match known {
                Some((0, _)) => {}
                Some((_, Some(distance))) => nearest.push((distance, *shard)),
                Some((_, None)) | None => unknown.push(*shard),
            }
        }
        nearest.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        nearest.into_iter().take(count).map(|(_, shard)| shard).chain(unknown).collect()
    }

    /// The shards that may contain matches of the request's filter and of the filter of one of its documents. If there are
    /// none, the first shard is returned, so that an executor builds the empty reply.
    fn matching_filters(
        &self,
        endpoint: &str,
        parameters: &RequestParameters,
        documents: &[Document],
    ) -> Vec<usize> {
        let mut known = self.summaries.iter().flatten();
        let filter = known.next().and_then(|summary| summary.request_filter(endpoint, parameters));
        let all: Vec<usize> = (0..self.summaries.len()).collect();
        let candidates = filter.map_or_else(|| all.clone(), |filter| self.matching(&all, &filter));
        let own = documents.iter().map(|document| self.matching_document(endpoint, document, &candidates));
        // A document without a filter of its own needs all candidates.
        let own: Option<Vec<Vec<usize>>> =
            if documents.len() > FILTERING_DOCUMENTS_MAX { None } else { own.collect() };
        let matching = match own.filter(|own| !own.is_empty()) {
            Some(own) => own.into_iter().flatten().collect::<BTreeSet<usize>>().into_iter().collect(),
            None => candidates,
        };
        if matching.is_empty() { vec![0] } else { matching }
    }

    /// The candidates that may contain matches of a document's own filter: of the first in its sequence that any of them may
    /// match. `None` without such a filter.
    fn matching_document(
        &self,
        endpoint: &str,
        document: &Document,
        candidates: &[usize],
    ) -> Option<Vec<usize>> {
        let mut known = self.summaries.iter().flatten();
        let filters = known.next().map(|summary| summary.document_filters(endpoint, document))?;
        let mut matching = filters.iter().map(|filter| self.matching(candidates, filter));
        (!filters.is_empty()).then(|| matching.find(|shards| !shards.is_empty()).unwrap_or_default())
    }

    /// The shards of a list that may contain matches of a filter.
    fn matching(&self, shards: &[usize], filter: &Filter) -> Vec<usize> {
        let may_match = |shard: &&usize| {
            let summary = self.summaries.get(**shard).and_then(Option::as_ref);
            summary.is_none_or(|summary| summary.may_match(filter))
        };
        shards.iter().filter(may_match).copied().collect()
    }
}

/// Squared distance of `vector` to the nearest centroid of its dimension; `None` without one.
fn distance(centroids: &[Vec<f32>], vector: &[f32]) -> Option<f32> {
    let comparable = centroids.iter().filter(|centroid| centroid.len() == vector.len());
    comparable.map(|centroid| squared_distance(centroid, vector)).min_by(f32::total_cmp)
}

/// The parameter `probe`: number of nearest shards to search; `None` for all.
fn probe(parameters: &RequestParameters) -> Result<Option<usize>, ExecutorError> {
    let Some(value) = parameters.get("probe").filter(|value| !value.is_null()) else { return Ok(None) };
    let invalid =
        || ExecutorError::parameter("probe", format_args!("must be an integer ≥ 1, but is {value}"));
    usize::parse(value).filter(|probe| *probe > 0).map(Some).ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Summary of a shard with one-dimensional vectors that stores the document `id`.
    struct FakeSummary {
        vectors: &'static [f32],
        id: Option<&'static str>,
    }

    fn summary(vectors: &'static [f32], id: Option<&'static str>) -> Option<Arc<dyn ShardSummary>> {
        Some(Arc::new(FakeSummary { vectors, id }))
    }

    impl ShardSummary for FakeSummary {
        fn document_count(&self) -> u64 {
            self.vectors.len() as u64
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
            self.vectors.iter().filter(|value| value.is_finite()).map(|value| vec![*value]).collect()
        }
    }

    #[test]
    fn a_document_goes_to_the_shard_that_its_id_is_in_flight_to_or_stored_in() {
        let shards = ["a", "b", "stored"].map(|id| summary(&[], Some(id)));
        let shards = PodShards::new(&Strategy::RoundRobin, shards.into(), Vec::new());
        let place = |document: Document| match shards.partition(&[document]) {
            Fanout::Partition(shards, guard) => (shards, guard),
            _ => panic!("each document has a shard"),
        };
        let mut film = Document::new("film");
        film.chunks = [Document::new("frame"), Document::new("")].into_iter().collect();
        let film = place(film);
        assert_eq!((&film.0, place(Document::new("frame")).0), (&vec![0], vec![0]));
        assert_eq!(place(Document::new("other")).0, [1]);
        // A stored document stays in its shard even if the id of a chunk is in flight to another.
        let mut stored = Document::new("stored");
        stored.chunks = [Document::new("frame")].into_iter().collect();
        assert_eq!(place(stored).0, [2]);
        drop(film);
        assert_eq!(place(Document::new("frame")).0, [2]);
    }

    #[test]
    fn a_probe_visits_the_nearest_shards_and_those_without_centroids() {
        let shard = |vectors| summary(vectors, None);
        // The third has no summary, the fourth is empty, the fifth has no centroids yet.
        let shards = [shard(&[0.0, 9.0]), shard(&[5.0]), None, shard(&[]), shard(&[f32::NAN]), shard(&[6.0])];
        let shards = PodShards::new(&Strategy::Hash, shards.into(), Vec::new());
        let document = |value: f32| Document::new("q").with_embedding(vec![value]);
        let visited = |endpoint: &str, probe: usize, documents: &[Document]| {
            let parameters = json!({ "probe": probe }).as_object().unwrap().clone();
            shards.relevant(endpoint, &parameters, documents).unwrap()
        };
        assert_eq!(visited("/search", 1, &[document(4.0)]), [1, 2, 4]);
        assert_eq!(visited("/search", 2, &[document(5.4)]), [1, 2, 4, 5]);
        assert_eq!(visited("/search", 1, &[document(1.0), document(6.0)]), [0, 2, 4, 5]);
        let all = [0, 1, 2, 3, 4, 5];
        assert_eq!(visited("/search", 9, &[document(1.0)]), [0, 1, 2, 4, 5]);
        assert_eq!(visited("/search", 1, &[document(1.0), Document::new("no vector")]), all);
        assert_eq!(visited("/search", 1, &[]), all);
        assert_eq!(visited("/list", 1, &[document(1.0)]), all);
        let empty = PodShards::new(&Strategy::Hash, vec![shard(&[]), shard(&[])], Vec::new());
        let parameters = json!({"probe": 1}).as_object().unwrap().clone();
        assert_eq!(empty.relevant("/search", &parameters, &[document(1.0)]).unwrap(), [0]);
    }
}
