//! Turns hints in the texts of queries into filters.
//!
//! [`executor`] is `QueryHints`. A text is split into words ([`words`]); [`hint`] reads them from left to right and tries a parser
//! for each kind of hint ([`time`], [`scene`], [`date`], [`hour`], [`noun_phrase`] with the [`vocabulary`]), with [`negation`].
//! The result is a list of [`condition`]s as expressions, which the index parses. Rules are written for English, and prefer a
//! missed hint to a wrong one: a missed hint is still part of the text that is encoded, a wrong one hides results.

mod calendar;
mod condition;
mod date;
mod executor;
mod hint;
mod hour;
mod negation;
mod noun_phrase;
mod numbers;
mod scene;
mod time;
mod vocabulary;
mod words;

use flowrun_sdk::ExecutorType;

/// The executors of this crate.
pub static EXECUTORS: &[ExecutorType] = &[executor::QUERY_HINTS.with_plain_description()];
