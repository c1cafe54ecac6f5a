//! `MaxRanker`: ranks documents by their most similar chunk.

use flowrun_sdk::{Build, BuildError, ExecutorType, Instance, parse_parameters};

use crate::{Hits, RankedDocument, Ranker, executor};

flowrun_sdk::parameters! {
    /// The parameters of `MaxRanker`.
    struct MaxRankerParameters {
        /// Keeps the chunks of the query, which are removed otherwise.
        keep_chunks: bool = false,
    }
}

pub(crate) const TYPE: ExecutorType = ExecutorType::new::<MaxRankerParameters>(
    MaxRanker::NAME,
    "Ranks documents by their most similar chunk; expects similarities (larger is better).",
    create,
);

/// Scores a document by the largest score of its hits.
#[derive(Clone, Copy, Debug)]
pub struct MaxRanker;

impl Ranker for MaxRanker {
    const NAME: &'static str = "MaxRanker";
    const NEEDS_SIBLINGS: bool = false;

    fn rank<'a>(&self, hits: &Hits<'a>) -> Vec<RankedDocument<'a>> {
        hits.rank(|rows| rows.iter().map(|hit| hit.score).fold(f64::NEG_INFINITY, f64::max))
    }
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: MaxRankerParameters = parse_parameters(build)?;
    Ok(executor::instance(MaxRanker, parameters.keep_chunks))
}
