//! `SimpleAggregateRanker`: ranks documents by a configurable aggregate of their chunk scores.

use flowrun_sdk::{Build, BuildError, ExecutorType, Instance, parse_parameters};

use crate::{Hits, RankedDocument, Ranker, executor};

flowrun_sdk::choice! {
    /// Aggregate function of the scores of a document's chunks.
    pub enum AggregateFunction {
        /// Smallest score.
        Min = "min",
        /// Largest score.
        Max = "max",
        /// Arithmetic mean.
        Mean = "mean",
        /// Median; for an even number, the mean of the two middle scores.
        Median = "median",
        /// Sum.
        Sum = "sum",
        /// Product.
        Product = "prod",
    }
}

flowrun_sdk::parameters! {
    /// The parameters of `SimpleAggregateRanker`.
    struct SimpleAggregateRankerParameters {
        /// Aggregate function of the scores of a document's chunks.
        aggregate_function: AggregateFunction,
        /// Ranks by `1 / (1 + x)` of the aggregate `x`, for distances ≥ 0 (smaller is better).
        inverse_score: bool = false,
        /// Keeps the chunks of the query, which are removed otherwise.
        keep_chunks: bool = false,
    }
}

pub(crate) const TYPE: ExecutorType = ExecutorType::new::<SimpleAggregateRankerParameters>(
    SimpleAggregateRanker::NAME,
    "Ranks documents by an aggregate of the scores of their chunks.",
    create,
);

/// Scores a document by an aggregate `x` of its chunk scores, or by `1 / (1 + x)`, which requires distances ≥ 0.
#[derive(Clone, Copy, Debug)]
pub struct SimpleAggregateRanker {
    /// Aggregate function.
    pub aggregate_function: AggregateFunction,
    /// True if smaller aggregates are better.
    pub inverse_score: bool,
}

impl AggregateFunction {
    /// Aggregate of at least one score; may reorder `scores`.
    fn apply(self, scores: &mut [f64]) -> f64 {
        let count = scores.len() as f64;
        match self {
            Self::Min => scores.iter().copied().fold(f64::INFINITY, f64::min),
            Self::Max => scores.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Self::Mean => scores.iter().sum::<f64>() / count,
            Self::Median => median(scores),
            Self::Sum => scores.iter().sum(),
            Self::Product => scores.iter().product(),
        }
    }
}

fn median(scores: &mut [f64]) -> f64 {
    scores.sort_unstable_by(f64::total_cmp);
    let middle = |position: usize| scores.get(position).copied().unwrap_or(f64::NAN);
    f64::midpoint(middle(scores.len().saturating_sub(1) / 2), middle(scores.len() / 2))
}

impl Ranker for SimpleAggregateRanker {
    const NAME: &'static str = "SimpleAggregateRanker";
    const NEEDS_SIBLINGS: bool = false;

    fn negative_score_remedy(&self) -> Option<&'static str> {
        self.inverse_score.then_some(
            "index and search with `metric: cosine` or `euclidean`, since `metric: inner_product` gives negative scores, \
             or, if larger scores are better, leave out `inverse_score`",
        )
    }

    fn rank<'a>(&self, hits: &Hits<'a>) -> Vec<RankedDocument<'a>> {
        hits.rank(|rows| {
            let mut scores: Vec<f64> = rows.iter().map(|hit| hit.score).collect();
            let aggregate = self.aggregate_function.apply(&mut scores);
            if self.inverse_score { 1.0 / (1.0 + aggregate) } else { aggregate }
        })
    }
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: SimpleAggregateRankerParameters = parse_parameters(build)?;
    let SimpleAggregateRankerParameters { aggregate_function, inverse_score, keep_chunks } = parameters;
    Ok(executor::instance(SimpleAggregateRanker { aggregate_function, inverse_score }, keep_chunks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aggregate_functions_equal_their_definition() {
        use AggregateFunction::{Max, Mean, Median, Min, Product, Sum};
        let results = |scores: [f64; 4]| {
            [Min, Max, Mean, Median, Sum, Product].map(|function| function.apply(&mut scores.clone()))
        };
        assert_eq!(results([4.0, 1.0, 3.0, 0.5]), [0.5, 4.0, 2.125, 2.0, 8.5, 6.0]);
        assert_eq!(Median.apply(&mut [5.0, 1.0, 2.0]), 2.0);
        assert_eq!(Median.apply(&mut [5.0]), 5.0);
    }
}
