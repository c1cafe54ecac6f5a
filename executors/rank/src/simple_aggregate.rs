//! `SimpleAggregateRanker`: one number out of many, by a function of choice.

use flowrun_sdk::{Build, BuildError, ExecutorType, Instance, parse_parameters};

use crate::{Hits, Ranked, Ranker, executor};

flowrun_sdk::choice! {
    /// A function from the scores of a document's chunks, in any order, to one score.
    pub enum AggregateFunction {
        /// The smallest.
        Min = "min",
        /// The largest.
        Max = "max",
        /// The arithmetic mean.
        Mean = "mean",
        /// The middle one, or the mean of the two in the middle.
        Median = "median",
        /// The sum.
        Sum = "sum",
        /// The product.
        Product = "prod",
    }
}

flowrun_sdk::parameters! {
    /// How chunks become documents, and what is left of the query.
    struct SimpleAggregateRankerParameters {
        /// What is made of the scores of a document's chunks.
        aggregate_function: AggregateFunction,
        /// Whether to rank by `1 / (1 + x)` of that: for distances ≥ 0, of which small ones are good.
        inverse_score: bool = false,
        /// Whether the query keeps its chunks.
        keep_chunks: bool = false,
    }
}

pub(crate) const TYPE: ExecutorType = ExecutorType::new::<SimpleAggregateRankerParameters>(
    SimpleAggregateRanker::NAME,
    "Ranks documents by an aggregate of the scores of their chunks.",
    create,
);

/// An aggregate of a document's scores, or `1 / (1 + x)` of it, for which the scores must be distances ≥ 0.
#[derive(Clone, Copy, Debug)]
pub struct SimpleAggregateRanker {
    /// What is made of the scores.
    pub aggregate_function: AggregateFunction,
    /// Whether small aggregates are good.
    pub inverse_score: bool,
}

impl AggregateFunction {
    /// The aggregate of these scores, of which there is at least one.
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

    fn remedy_below_zero(&self) -> Option<&'static str> {
        self.inverse_score.then_some(
            "index and search with `metric: cosine` or `euclidean`, as `metric: inner_product` gives numbers below 0, \
             or, where large scores are good, leave out `inverse_score`",
        )
    }

    fn rank<'a>(&self, hits: &Hits<'a>) -> Vec<Ranked<'a>> {
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
    fn each_function_is_what_its_name_says() {
        use AggregateFunction::{Max, Mean, Median, Min, Product, Sum};
        let results = |scores: [f64; 4]| {
            [Min, Max, Mean, Median, Sum, Product].map(|function| function.apply(&mut scores.clone()))
        };
        assert_eq!(results([4.0, 1.0, 3.0, 0.5]), [0.5, 4.0, 2.125, 2.0, 8.5, 6.0]);
        assert_eq!(Median.apply(&mut [5.0, 1.0, 2.0]), 2.0);
        assert_eq!(Median.apply(&mut [5.0]), 5.0);
    }
}
