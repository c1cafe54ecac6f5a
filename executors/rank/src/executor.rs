//! Runs a ranker as an executor: reads the hits out of each query, and gives it the ranked documents as matches.

use flowrun_sdk::{
    AccessPaths, Call, Document, Documents, Executor, ExecutorError, Instance, NamedScore, Order,
};

use crate::{Ranked, Ranker, query};

/// An executor that ranks by this rule. Only `/search` is ranked.
///
/// Every match that is left is one document, best first; the matches of its chunks have done their duty, and the
/// chunks go unless they are to be kept.
pub(crate) fn instance<R: Ranker + 'static>(ranker: R, keep_chunks: bool) -> Instance {
    // A ranker finds as many documents as were hit; only a request cuts them.
    Instance::new(RankExecutor { ranker, keep_chunks })
        .with_endpoints(["/search"])
        .with_ranking(Order::Descending, usize::MAX)
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
        let hits = query::hits(query, &self.ranker)?;
        let ranked = self.ranker.rank(&hits);
        ranked.iter().take(top_k).map(|ranked| found::<R>(query, ranked)).collect()
    }
}

/// The match that stands for a ranked document.
fn found<R: Ranker>(query: &Document, ranked: &Ranked<'_>) -> Result<Document, ExecutorError> {
    let Ranked { document, score } = *ranked;
    if !score.is_finite() {
        let message = format_args!("the score of document `{}` comes out as {score}", document.0);
        return Err(ExecutorError::input(message));
    }
    let mut found = Document::new(document.0);
    found.granularity = query.granularity;
    found.adjacency = query.adjacency.saturating_add(1);
    found.scores.insert(R::NAME.to_owned(), NamedScore::new(score, R::NAME));
    Ok(found)
}
