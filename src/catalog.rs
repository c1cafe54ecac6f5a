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

/// What the numeric parts were built from, and for which instruction sets.
pub fn build_description() -> String {
    flowrun_index::build_description()
}

/// Whether this processor has the instruction sets that the program was built for.
///
/// # Errors
/// Says which are missing, instead of dying by an illegal instruction later.
pub fn check_processor() -> Result<(), String> {
    flowrun_index::check_processor()
}
