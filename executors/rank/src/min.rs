//! `MinRanker`: ranks documents by their nearest chunk.

use flowrun_sdk::{Build, BuildError, ExecutorType, Instance, parse_parameters};

use crate::{Hits, RankedDocument, Ranker, executor};

flowrun_sdk::parameters! {
    /// The parameters of `MinRanker`.
    struct MinRankerParameters {
        /// Keeps the chunks of the query, which are removed otherwise.
        keep_chunks: bool = false,
    }
}

pub(crate) const TYPE: ExecutorType = ExecutorType::new::<MinRankerParameters>(
    MinRanker::NAME,
    "Ranks documents by their nearest chunk; expects distances (smaller is better).",
    create,
);

/// Scores a document with `1 / (1 + s)`, where `s` is the smallest score of its hits, a distance ≥ 0. The result is in
/// (0, 1]. Negative scores are rejected: the formula has a pole at −1, where the order reverses.
#[derive(Clone, Copy, Debug)]
pub struct MinRanker;

impl Ranker for MinRanker {
    const NAME: &'static str = "MinRanker";
    const NEEDS_SIBLINGS: bool = false;

    fn negative_score_remedy(&self) -> Option<&'static str> {
        Some(
            "index and search with `metric: cosine` or `euclidean`, since `metric: inner_product` gives negative scores, \
             or, if larger scores are better, use `MaxRanker`",
        )
    }

    fn rank<'a>(&self, hits: &Hits<'a>) -> Vec<RankedDocument<'a>> {
        hits.rank(|rows| 1.0 / (1.0 + rows.iter().map(|hit| hit.score).fold(f64::INFINITY, f64::min)))
    }
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: MinRankerParameters = parse_parameters(build)?;
    Ok(executor::instance(MinRanker, parameters.keep_chunks))
}
