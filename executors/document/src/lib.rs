//! Executors that act on documents as such: they let them pass, log them, drop them, clear their fields, cut,
//! sort and group their matches, and read the content that their URIs lead to.
//!
//! What is deliberately not here: anything that understands content (the image and text families do), and anything
//! that merges what several pods answered (the runtime does that itself: Jina's `_merge_…` and `_concat` are
//! reducers, not executors).

mod clear;
mod exclude_fields;
mod field;
mod group_matches;
mod log;
mod media_type;
mod no_parameters;
mod pass;
mod reverse_matches;
mod select_fields;
mod sort_matches;
mod top_k;
mod uri_reader;

use flowrun_sdk::ExecutorType;

/// The executors of this family.
pub static EXECUTORS: &[ExecutorType] = &[
    pass::TYPE,
    log::TYPE,
    clear::TYPE,
    exclude_fields::TYPE,
    select_fields::TYPE,
    top_k::TYPE,
    sort_matches::TYPE,
    group_matches::TYPE,
    reverse_matches::TYPE,
    uri_reader::TYPE,
];
