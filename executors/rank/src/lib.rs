//! Rankers: from what the chunks of a query matched to the documents that those belong to.
//!
//! A search finds chunks (frames of a clip, crops of a picture) for each chunk of a query. A [`Ranker`] makes one
//! score for each document out of them, by the rules of Jina 0.1.14. The rules are pure: they see [`Hits`] and give
//! [`Ranked`] documents; reading the hits out of a query and writing the matches back is done in one place for all.
//! What is deliberately not here: searching (the index family), and re-ranking of matches by their content.

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
pub use hits::{Hit, Hits, Ranked};
pub use id::Id;
pub use max::MaxRanker;
pub use min::MinRanker;
pub use ranker::Ranker;
pub use simple_aggregate::{AggregateFunction, SimpleAggregateRanker};
pub use tf_idf::TfIdfRanker;

/// The executors of this family.
pub static EXECUTORS: &[ExecutorType] =
    &[bi_match::TYPE, min::TYPE, max::TYPE, tf_idf::TYPE, bm25::TYPE, simple_aggregate::TYPE];
