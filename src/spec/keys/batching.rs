//! Keys of the dynamic batching of one endpoint.

use super::declare::keys;
use crate::limits::{BATCH_DOCUMENTS_MAX, BATCH_WAIT_MILLISECONDS_MAX};
use crate::spec::key::{Count, Flag, Key, KeyRow};

keys! {
    PREFERRED_BATCH_SIZE: Count = Key::count(
        "preferred_batch_size",
        1,
        BATCH_DOCUMENTS_MAX,
        "documents per call; a batch of this size is sent without waiting longer (default: 4)",
    );
    BATCH_TIMEOUT: Count = Key::count(
        "timeout",
        0,
        BATCH_WAIT_MILLISECONDS_MAX,
        "milliseconds that the first request of a batch waits for more (default: 10000); 0 batches only queued requests",
    );
    FLUSH_ALL: Flag = Key::flag(
        "flush_all",
        "lets the request that completes a batch exceed `preferred_batch_size`",
    );
}

/// A mapping below `uses_dynamic_batching:`.
pub(super) const BATCHING_TABLE: &[KeyRow] = &[
    rows::PREFERRED_BATCH_SIZE,
    rows::BATCH_TIMEOUT,
    rows::FLUSH_ALL,
    KeyRow::ignored(
        "use_custom_metric",
        "the metric is a function of Jina's decorator; flowrun counts documents",
    ),
];
