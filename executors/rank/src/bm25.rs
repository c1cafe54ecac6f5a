//! `BM25Ranker`: ranks documents by the mean score of their chunks, weighted by BM25.

use flowrun_sdk::{Build, BuildError, ExecutorType, Instance, parse_parameters};

use crate::terms::{DocumentFrequencies, weighted_mean};
use crate::{Hits, RankedDocument, Ranker, executor};

flowrun_sdk::parameters! {
    /// The parameters of `BM25Ranker`.
    struct Bm25RankerParameters {
        /// Saturation of the term frequency, usually called k1; at least 0.
        k: f64 = 1.2,
        /// Length normalisation, from 0 (none) to 1 (full).
        b: f64 = 0.75,
        /// Smallest score that counts towards the term frequency.
        threshold: f64 = 0.1,
        /// Keeps the chunks of the query, which are removed otherwise.
        keep_chunks: bool = false,
    }
}

pub(crate) const TYPE: ExecutorType = ExecutorType::new::<Bm25RankerParameters>(
    Bm25Ranker::NAME,
    "Ranks documents by the mean score of their chunks, weighted by BM25; expects similarities (larger is better).",
    create,
);

/// Scores a document by the mean of its chunk scores, weighted by `tf · idf` of their query chunk `q`, with `df`, `n` and
/// `chunks` as defined in [`TfIdfRanker`](crate::TfIdfRanker):
///
/// * `idf(q) = log10((Σ df + 1) / (df(q) + 0.5))²`
/// * `tf(q) = (1 + k) · n(q) / (k · (1 − b + b · chunks / mean) + n(q))`, with `mean` the mean number of chunks of
///   a document, over all matched chunks.
#[derive(Clone, Copy, Debug)]
pub struct Bm25Ranker {
    /// Saturation of the term frequency, usually called k1; at least 0.
    pub k: f64,
    /// Length normalisation, from 0 (none) to 1 (full).
    pub b: f64,
    /// Smallest score that counts towards the term frequency.
    pub threshold: f64,
}

impl Ranker for Bm25Ranker {
    const NAME: &'static str = "BM25Ranker";
    const NEEDS_SIBLINGS: bool = true;

    fn rank<'a>(&self, hits: &Hits<'a>) -> Vec<RankedDocument<'a>> {
        let Self { k, b, threshold } = *self;
        let frequencies = DocumentFrequencies::new(hits);
        let mean = hits.mean_siblings();
        hits.rank(|rows| {
            weighted_mean(rows, threshold, |term| {
                let length = hits.siblings(term.match_chunk) / mean;
                let tf = (1.0 + k) * term.count / (k * (1.0 - b + b * length) + term.count);
                let idf = ((frequencies.total + 1.0) / (frequencies.get(term.query_chunk) + 0.5)).log10();
                tf * idf.powi(2)
            })
        })
    }
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let Bm25RankerParameters { k, b, threshold, keep_chunks } = parse_parameters(build)?;
    if k < 0.0 {
        return Err(BuildError::parameter("k", format_args!("must be at least 0, but is {k}")));
    }
    if !(0.0..=1.0).contains(&b) {
        return Err(BuildError::parameter("b", format_args!("must be from 0 to 1, but is {b}")));
    }
    Ok(executor::instance(Bm25Ranker { k, b, threshold }, keep_chunks))
}
