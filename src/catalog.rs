//! Registry of the built-in executor types.
//!
//! The executor crates know the SDK and not each other; types that need parts of several crates are assembled in
//! [`encoders`]. Everything that the program uses of these crates besides their executor types is imported where it is
//! used, mostly in [`cli`](crate::cli).

mod encoders;

use flowrun_sdk::Catalog;

/// All built-in executor types, and the loader for plugins.
pub fn built_in() -> Catalog {
    Catalog::new([
        flowrun_document::EXECUTORS,
        flowrun_image::EXECUTORS,
        flowrun_text::EXECUTORS,
        encoders::EXECUTORS,
        flowrun_index::EXECUTORS,
        flowrun_process::EXECUTORS,
        flowrun_rank::EXECUTORS,
        flowrun_remote::EXECUTORS,
    ])
    .with_libraries(flowrun_plugin::open)
}
