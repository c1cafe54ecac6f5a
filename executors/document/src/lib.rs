//! Executors for documents of any content: pass, log or remove them, clear their fields, truncate, sort and group their
//! matches, and read the content of their URIs.
//!
//! Not here: executors that understand content (`flowrun-image`, `flowrun-text`), and merging the answers of pods,
//! which the runtime does (Jina's `_merge_…` and `_concat` are reducers, not executors).

mod clear;
mod exclude_fields;
mod field;
mod group_matches;
mod log;
mod media_type;
mod no_parameters;
mod pass;
mod ranges;
mod reverse_matches;
mod select_fields;
mod sort_matches;
mod top_k;
mod uri_reader;

use flowrun_sdk::ExecutorType;

/// Executors of this crate.
pub static EXECUTORS: &[ExecutorType] = &[
    pass::TYPE.with_description_of_no_additions(),
    log::TYPE.with_description_of_no_additions(),
    clear::TYPE.with_description_of_no_additions(),
    exclude_fields::TYPE.with_description_of_no_additions(),
    select_fields::TYPE.with_description_of_no_additions(),
    top_k::TYPE.with_description_of_no_additions(),
    sort_matches::TYPE.with_description_of_no_additions(),
    group_matches::TYPE.with_plain_description(),
    reverse_matches::TYPE.with_description_of_no_additions(),
    uri_reader::TYPE.with_plain_description(),
];
