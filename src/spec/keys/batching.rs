//! Dynamic batching of one endpoint.

use crate::limits::{BATCH_DOCUMENTS_MAX, BATCH_WAIT_MILLISECONDS_MAX};
use crate::spec::key::{Key, Kind};

/// The keys.
pub const BATCHING: &[Key] = &[
    Key::obeyed(
        "preferred_batch_size",
        Kind::Count(1, BATCH_DOCUMENTS_MAX),
        "documents that a call shall have; a batch of so many waits no longer (absent: 4)",
    ),
    Key::obeyed(
        "timeout",
        Kind::Count(0, BATCH_WAIT_MILLISECONDS_MAX),
        "milliseconds that the first request of a batch waits for others (absent: 10000); 0 takes what waits",
    ),
    Key::obeyed(
        "flush_all",
        Kind::Flag,
        "whether the request that completes a batch may take it beyond `preferred_batch_size`",
    ),
    Key::ignored("use_custom_metric", "the metric is a function of Jina's decorator; documents are counted"),
];
