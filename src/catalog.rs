//! The single place that names the built-in families.

use flowrun_sdk::Catalog;

/// Every built-in executor.
pub fn built_in() -> Catalog {
    Catalog::new([
        flowrun_document::EXECUTORS,
        flowrun_image::EXECUTORS,
        flowrun_text::EXECUTORS,
        flowrun_index::EXECUTORS,
        flowrun_rank::EXECUTORS,
    ])
}
