//! Runs a ranker as an executor: collects the hits of each query and sets the ranked documents as its matches.

use flowrun_sdk::{
    AccessPaths, Build, Call, Document, Documents, Executor, ExecutorDescription, ExecutorError, Instance,
    NamedScore, Order,
};

use crate::query::collect_hits;
use crate::{RankedDocument, Ranker};

/// Builds an executor from a ranker; it handles `/search`.
///
/// Each query gets one match per document, best first. Its chunks are removed unless `keep_chunks` is set.
pub(crate) fn instance<R: Ranker + 'static>(ranker: R, keep_chunks: bool) -> Instance {
    // A ranker returns every document with a hit; only `top_k` of the request limits them.
    Instance::new(RankExecutor { ranker, keep_chunks })
        .with_endpoints(["/search"])
        .with_ranking(Order::Descending, usize::MAX)
}

/// Describes the executor that [`instance`] builds, before it is built.
pub(crate) fn describe(_: &Build) -> ExecutorDescription {
    ExecutorDescription::plain().with_endpoints(["/search"]).with_ranking(Order::Descending, usize::MAX)
}

struct RankExecutor<R> {
    ranker: R,
    keep_chunks: bool,
}

impl<R: Ranker> Executor for RankExecutor<R> {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let top_k = call.top_k(usize::MAX)?;
        call.for_each(&AccessPaths::roots(), |document| {
            document.matches = self.rank(document, top_k)?;
            if !self.keep_chunks {
                document.chunks = Documents::new();
            }
            Ok(())
        })
    }
}

impl<R: Ranker> RankExecutor<R> {
    fn rank(&self, query: &Document, top_k: usize) -> Result<Documents, ExecutorError> {
        let hits = collect_hits(query, &self.ranker)?;
        let ranked = self.ranker.rank(&hits);
        ranked.iter().take(top_k).map(|ranked| to_match::<R>(query, ranked)).collect()
    }
}

/// Converts a ranked document to a match of the query.
fn to_match<R: Ranker>(query: &Document, ranked: &RankedDocument<'_>) -> Result<Document, ExecutorError> {
    let RankedDocument { document, score } = *ranked;
    if !score.is_finite() {
        let message = format_args!("the score of document `{}` is {score}, which is not finite", document.0);
        return Err(ExecutorError::input(message));
    }
    let mut found = Document::new(document.0);
    found.granularity = query.granularity;
    found.adjacency = query.adjacency.saturating_add(1);
    found.scores.insert(R::NAME.to_owned(), NamedScore::new(score, R::NAME));
    Ok(found)
}
