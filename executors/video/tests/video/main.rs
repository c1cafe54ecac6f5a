//! Tests of `VideoSegmenter` with the installed ffmpeg, on videos that are drawn from seeds.
//!
//! Without ffmpeg they are skipped, unless `FLOWRUN_CLIENTS=required`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and reads only its own files"
)]

mod drawing;
mod formats;
mod frames;
mod hostile;
mod previews;
mod processes;
mod scenes;
mod support;
