//! `MaxRanker`: a document is as good as its most similar chunk.

use flowrun_sdk::{Build, BuildError, ExecutorType, Instance, parse_parameters};

use crate::{Hits, Ranked, Ranker, executor};

flowrun_sdk::parameters! {
    /// What is left of the query.
    struct MaxRankerParameters {
        /// Whether the query keeps its chunks.
        keep_chunks: bool = false,
    }
}

pub(crate) const TYPE: ExecutorType = ExecutorType::new::<MaxRankerParameters>(
    MaxRanker::NAME,
    "Ranks documents by their most similar chunk; large scores of chunks are good.",
    create,
);

/// The largest score.
#[derive(Clone, Copy, Debug)]
pub struct MaxRanker;

impl Ranker for MaxRanker {
    const NAME: &'static str = "MaxRanker";
    const NEEDS_SIBLINGS: bool = false;

    fn rank<'a>(&self, hits: &Hits<'a>) -> Vec<Ranked<'a>> {
        hits.rank(|rows| rows.iter().map(|hit| hit.score).fold(f64::NEG_INFINITY, f64::max))
    }
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: MaxRankerParameters = parse_parameters(build)?;
    Ok(executor::instance(MaxRanker, parameters.keep_chunks))
}
