//! Rankers: rank documents by the matches of their chunks.
//!
//! A search finds chunks (frames of a clip, crops of an image) for each chunk of a query. A [`Ranker`] aggregates their
//! scores to one score per document, with the formulas of Jina 0.1.14. Rankers are pure functions from [`Hits`] to
//! [`RankedDocument`]s; collecting hits from a query and writing matches back is shared code (`executor`, `query`).
//! Not here: search (`flowrun-index`), and re-ranking of matches by their content.

mod bi_match;
mod bm25;
mod executor;
mod hits;
mod id;
mod max;
mod min;
mod query;
mod ranker;
mod simple_aggregate;
mod terms;
mod tf_idf;

use flowrun_sdk::ExecutorType;

pub use bi_match::BiMatchRanker;
pub use bm25::Bm25Ranker;
pub use hits::{Hit, Hits, RankedDocument};
pub use id::Id;
pub use max::MaxRanker;
pub use min::MinRanker;
pub use ranker::Ranker;
pub use simple_aggregate::{AggregateFunction, SimpleAggregateRanker};
pub use tf_idf::TfIdfRanker;

/// Executors of this crate.
pub static EXECUTORS: &[ExecutorType] = &[
    bi_match::TYPE.with_description(executor::describe),
    min::TYPE.with_description(executor::describe),
    max::TYPE.with_description(executor::describe),
    tf_idf::TYPE.with_description(executor::describe),
    bm25::TYPE.with_description(executor::describe),
    simple_aggregate::TYPE.with_description(executor::describe),
];
