//! `TfIdfRanker`: chunks of the query that hit few others tell more than those that hit everything.

use flowrun_sdk::{Build, BuildError, ExecutorType, Instance, parse_parameters};

use crate::terms::{DocumentFrequencies, weighted_mean};
use crate::{Hits, Ranked, Ranker, executor};

flowrun_sdk::parameters! {
    /// What counts as a hit, and what is left of the query.
    struct TfIdfRankerParameters {
        /// The least score that counts as a hit.
        threshold: f64 = 0.1,
        /// Whether the query keeps its chunks.
        keep_chunks: bool = false,
    }
}

pub(crate) const TYPE: ExecutorType = ExecutorType::new::<TfIdfRankerParameters>(
    TfIdfRanker::NAME,
    "Ranks documents by the mean score of their chunks, weighted by tf-idf; large scores of chunks are good.",
    create,
);

/// The mean of a document's scores, weighted by `tf · idf` of the query chunk `q` that each belongs to:
///
/// * `idf(q) = log10(Σ df / df(q) + 1e-10)`, with `df(q)` the hits of `q` in all documents;
/// * `tf(q) = n(q) / chunks`, with `n(q)` the hits of `q` in the document that reach `threshold`, and the document's
///   number of `chunks` as the last of them says; 0 where there are none.
#[derive(Clone, Copy, Debug)]
pub struct TfIdfRanker {
    /// The least score that counts as a hit.
    pub threshold: f64,
}

impl Ranker for TfIdfRanker {
    const NAME: &'static str = "TfIdfRanker";
    const NEEDS_SIBLINGS: bool = true;

    fn rank<'a>(&self, hits: &Hits<'a>) -> Vec<Ranked<'a>> {
        let frequencies = DocumentFrequencies::of(hits);
        hits.rank(|rows| {
            weighted_mean(rows, self.threshold, |term| {
                let tf = term.count / hits.siblings(term.match_chunk);
                let idf = (frequencies.total / frequencies.get(term.query_chunk) + 1e-10).log10();
                tf * idf
            })
        })
    }
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let TfIdfRankerParameters { threshold, keep_chunks } = parse_parameters(build)?;
    Ok(executor::instance(TfIdfRanker { threshold }, keep_chunks))
}
