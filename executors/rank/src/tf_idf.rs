//! `TfIdfRanker`: ranks documents by the mean score of their chunks, weighted by tf-idf, so that query chunks with few hits
//! count more.

use flowrun_sdk::{Build, BuildError, ExecutorType, Instance, parse_parameters};

use crate::terms::{DocumentFrequencies, weighted_mean};
use crate::{Hits, RankedDocument, Ranker, executor};

flowrun_sdk::parameters! {
    /// The parameters of `TfIdfRanker`.
    struct TfIdfRankerParameters {
        /// Smallest score that counts towards the term frequency.
        threshold: f64 = 0.1,
        /// Keeps the chunks of the query, which are removed otherwise.
        keep_chunks: bool = false,
    }
}

/// Executor type `TfIdfRanker`.
pub(crate) const TYPE: ExecutorType = ExecutorType::new::<TfIdfRankerParameters>(
    TfIdfRanker::NAME,
    "Ranks documents by the mean score of their chunks, weighted by tf-idf; expects similarities (larger is better).",
    create,
);

/// Scores a document by the mean of its chunk scores, weighted by `tf · idf` of their query chunk `q`:
///
/// * `idf(q) = log10(Σ df / df(q) + 1e-10)`, with `df(q)` the number of hits of `q` in all documents;
/// * `tf(q) = n(q) / chunks`, with `n(q)` the number of hits of `q` in the document that reach `threshold`, and `chunks` the
///   tag `siblings` of the last such hit; `tf(q)` is 0 without such a hit.
#[derive(Clone, Copy, Debug)]
pub struct TfIdfRanker {
    /// Smallest score that counts towards the term frequency.
    pub threshold: f64,
}

impl Ranker for TfIdfRanker {
    const NAME: &'static str = "TfIdfRanker";
    const NEEDS_SIBLINGS: bool = true;

    fn rank<'a>(&self, hits: &Hits<'a>) -> Vec<RankedDocument<'a>> {
        let frequencies = DocumentFrequencies::new(hits);
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
