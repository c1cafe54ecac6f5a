//! `MinRanker`: a document is as good as its nearest chunk.

use flowrun_sdk::{Build, BuildError, ExecutorType, Instance, parse_parameters};

use crate::{Hits, Ranked, Ranker, executor};

flowrun_sdk::parameters! {
    /// What is left of the query.
    struct MinRankerParameters {
        /// Whether the query keeps its chunks.
        keep_chunks: bool = false,
    }
}

pub(crate) const TYPE: ExecutorType = ExecutorType::new::<MinRankerParameters>(
    MinRanker::NAME,
    "Ranks documents by their nearest chunk; small scores of chunks are good.",
    create,
);

/// `1 / (1 + s)` of the smallest score `s`, a distance ≥ 0; this is in (0, 1]. Below 0 the order would turn around at
/// −1, and at −1 there is no number.
#[derive(Clone, Copy, Debug)]
pub struct MinRanker;

impl Ranker for MinRanker {
    const NAME: &'static str = "MinRanker";
    const NEEDS_SIBLINGS: bool = false;

    fn remedy_below_zero(&self) -> Option<&'static str> {
        Some(
            "index and search with `metric: cosine` or `euclidean`, as `metric: inner_product` gives numbers below 0, \
             or, where large scores are good, rank by `MaxRanker`",
        )
    }

    fn rank<'a>(&self, hits: &Hits<'a>) -> Vec<Ranked<'a>> {
        hits.rank(|rows| 1.0 / (1.0 + rows.iter().map(|hit| hit.score).fold(f64::INFINITY, f64::min)))
    }
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: MinRankerParameters = parse_parameters(build)?;
    Ok(executor::instance(MinRanker, parameters.keep_chunks))
}
