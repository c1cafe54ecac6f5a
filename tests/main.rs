//! Integration tests: a single program, so that it is linked only once, with one module per subject.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a panic fails the test, and tests read only files that they have written"
)]

mod attack;
mod backpressure;
mod batching;
mod client;
mod clients;
mod clip;
mod command_line;
mod conditions;
mod conservation;
mod continuing_jobs;
mod demo;
mod diagnostics;
mod distributed;
mod flow_file_fuzz;
mod gateway;
mod hanging;
mod isolation;
mod load;
mod media;
mod memory;
mod merging;
mod observing;
mod onnx_images;
mod operating;
mod pages;
mod planning;
mod plugins;
mod prose;
mod python;
mod reference;
mod refused_models;
mod remote;
mod seeds;
mod serving;
mod shard_placement;
mod sharding;
mod shutdown;
mod snapshots;
mod starting_models;
mod structure;
mod supervision;
mod support;
mod tables;
mod text_models;
mod tiff;
mod topology;
mod typos;
mod usage;
mod video_pages;
mod videos;
