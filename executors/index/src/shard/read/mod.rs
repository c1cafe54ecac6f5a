//! Reading a shard: look-ups by id, filters and vector searches in one read transaction.
//!
//! Readers never wait for writers: a transaction sees the contents that were committed when it began.

mod filter;
mod matches;
mod nearest;
mod search;
mod status;
mod transaction;
mod vector_search;

pub(crate) use filter::Page;
pub(crate) use matches::{AnswerBudget, Match};
pub(crate) use search::SearchParams;
pub(crate) use transaction::ReadTransaction;
pub(crate) use vector_search::RERANK_MAX;
