//! Registry of the built-in executor types.
//!
//! The executor crates know the SDK and not each other; types that combine crates are assembled in
//! [`encoders`] and [`videos`]. Other items of the executor crates are imported where they are used, mostly in [`cli`](crate::cli).

mod encoders;
mod videos;

use flowrun_sdk::Catalog;

/// All built-in executor types, and the loader for plugins.
pub fn built_in() -> Catalog {
    Catalog::new([
        flowrun_document::EXECUTORS,
        flowrun_hints::EXECUTORS,
        flowrun_image::EXECUTORS,
        flowrun_text::EXECUTORS,
        encoders::EXECUTORS,
        flowrun_index::EXECUTORS,
        flowrun_process::EXECUTORS,
        flowrun_rank::EXECUTORS,
        flowrun_remote::EXECUTORS,
        videos::EXECUTORS,
    ])
    .with_libraries(flowrun_plugin::open)
}
