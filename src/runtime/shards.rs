//! What is known of a pod's shards, and which of them a request or a document goes to because of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use flowrun_sdk::{Document, ExecutorError, Holdings, Parameter, RequestParameters};

use super::clusters::squared_distance;
use super::placement::Placement;
use super::split::{Way, shard_of};
use crate::spec::Strategy;

/// The shards of a pod.
pub(super) struct Shards {
    /// What each knows of the documents that it holds; `None` of one that does not say.
    holdings: Arc<[Option<Arc<dyn Holdings>>]>,
    /// Where new documents go; none where that follows from their ids.
    placement: Option<Placement>,
}

impl Shards {
    pub(super) fn new(strategy: &Strategy, holdings: Vec<Option<Arc<dyn Holdings>>>) -> Self {
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

    /// The shards that a request is for: those that may hold something that its filter means, and of these, for each
    /// document, as many as the parameter `probe` says, the nearest.
    ///
    /// # Errors
    /// When `probe` is no number of shards.
    pub(super) fn relevant(
        &self,
        parameters: &RequestParameters,
        documents: &[Document],
    ) -> Result<Vec<usize>, ExecutorError> {
        let relevant = self.filtered(parameters);
        let probe = probe(parameters)?.unwrap_or(usize::MAX);
        if probe >= relevant.len() || documents.is_empty() {
            return Ok(relevant);
        }
        let near: BTreeSet<usize> =
            documents.iter().flat_map(|document| self.nearest(document, &relevant, probe)).collect();
        Ok(near.into_iter().collect())
    }

    /// So many of these shards, the nearest to a document first. Those that do not know how near they are come before all
    /// others, those without documents behind.
    fn nearest(&self, document: &Document, among: &[usize], count: usize) -> Vec<usize> {
        let distance = |shard: usize| match self.holdings.get(shard).and_then(Option::as_ref) {
            None => f32::NEG_INFINITY,
            Some(holdings) if holdings.documents() == 0 => f32::INFINITY,
            Some(holdings) => distance(&**holdings, document).unwrap_or(f32::NEG_INFINITY),
        };
        let mut near: Vec<(f32, usize)> = among.iter().map(|shard| (distance(*shard), *shard)).collect();
        near.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        near.into_iter().take(count).map(|(_, shard)| shard).collect()
    }

    /// The shards that may hold something that the request's filter means. When none does, one is asked all the same: it
    /// is who knows what an answer without matches is.
    fn filtered(&self, parameters: &RequestParameters) -> Vec<usize> {
        let filter = self.holdings.iter().flatten().next().and_then(|holdings| holdings.filter(parameters));
        let Some(filter) = filter else { return (0..self.holdings.len()).collect() };
        let may_match = |holdings: &Option<Arc<dyn Holdings>>| {
            holdings.as_ref().is_none_or(|holdings| holdings.may_match(&filter))
        };
        let relevant = self.holdings.iter().enumerate().filter(|(_, holdings)| may_match(holdings));
        let relevant: Vec<usize> = relevant.map(|(shard, _)| shard).collect();
        if relevant.is_empty() { vec![0] } else { relevant }
    }
}

/// The square of how far a document is from what a shard gathers around; `None` when that is not known.
fn distance(holdings: &dyn Holdings, document: &Document) -> Option<f32> {
    let position = holdings.position(document)?;
    let centroids = holdings.centroids();
    let comparable = centroids.iter().filter(|centroid| centroid.len() == position.len());
    comparable.map(|centroid| squared_distance(centroid, &position)).min_by(f32::total_cmp)
}

/// How many of the nearest shards a request is for; `None` for all of them.
fn probe(parameters: &RequestParameters) -> Result<Option<usize>, ExecutorError> {
    let Some(value) = parameters.get("probe").filter(|value| !value.is_null()) else { return Ok(None) };
    let wrong = || ExecutorError::parameter("probe", format_args!("must be an integer ≥ 1, but is {value}"));
    usize::parse(value).filter(|probe| *probe > 0).map(Some).ok_or_else(wrong)
}
