//! `BM25Ranker`: as `TfIdfRanker`, with weights that level off and know long documents from short ones.

use flowrun_sdk::{Build, BuildError, ExecutorType, Instance, parse_parameters};

use crate::terms::{DocumentFrequencies, weighted_mean};
use crate::{Hits, Ranked, Ranker, executor};

flowrun_sdk::parameters! {
    /// The constants of BM25, what counts as a hit, and what is left of the query.
    struct Bm25RankerParameters {
        /// How slowly repeated hits level off; at least 0.
        k: f64 = 1.2,
        /// How much long documents are held back, from 0 (not) to 1 (in proportion).
        b: f64 = 0.75,
        /// The least score that counts as a hit.
        threshold: f64 = 0.1,
        /// Whether the query keeps its chunks.
        keep_chunks: bool = false,
    }
}

pub(crate) const TYPE: ExecutorType = ExecutorType::new::<Bm25RankerParameters>(
    Bm25Ranker::NAME,
    "Ranks documents by the mean score of their chunks, weighted by BM25; large scores of chunks are good.",
    create,
);

/// The mean of a document's scores, weighted by `tf · idf` of the query chunk `q` that each belongs to; `df` and `n`
/// as with [`TfIdfRanker`](crate::TfIdfRanker):
///
/// * `idf(q) = log10((Σ df + 1) / (df(q) + 0.5))²`
/// * `tf(q) = (1 + k) · n(q) / (k · (1 − b + b · chunks / mean) + n(q))`, with `mean` the mean number of chunks of a
///   document, over all matched chunks.
#[derive(Clone, Copy, Debug)]
pub struct Bm25Ranker {
    /// How slowly repeated hits level off.
    pub k: f64,
    /// How much long documents are held back.
    pub b: f64,
    /// The least score that counts as a hit.
    pub threshold: f64,
}

impl Ranker for Bm25Ranker {
    const NAME: &'static str = "BM25Ranker";
    const NEEDS_SIBLINGS: bool = true;

    fn rank<'a>(&self, hits: &Hits<'a>) -> Vec<Ranked<'a>> {
        let Self { k, b, threshold } = *self;
        let frequencies = DocumentFrequencies::of(hits);
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
