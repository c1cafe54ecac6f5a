//! The single place that names the built-in families.

use flowrun_sdk::{Catalog, ExecutorError, ExecutorType};

/// What `CLIPEncoder` encodes with: families do not see each other, they meet here.
struct WithoutModel;

impl flowrun_clip::Towers for WithoutModel {
    const TEXT: ExecutorType = flowrun_text::TEXT_HASHING_ENCODER;
    const PICTURE: ExecutorType = flowrun_image::IMAGE_DESCRIPTOR_ENCODER;
}

/// Every built-in executor.
pub fn built_in() -> Catalog {
    Catalog::new([
        flowrun_document::EXECUTORS,
        flowrun_image::EXECUTORS,
        flowrun_text::EXECUTORS,
        &[flowrun_clip::clip_encoder::<WithoutModel>()],
        flowrun_index::EXECUTORS,
        flowrun_process::EXECUTORS,
        flowrun_rank::EXECUTORS,
        flowrun_remote::EXECUTORS,
    ])
    .with_libraries(flowrun_plugin::open)
}

/// How something is called that is served elsewhere: by what remote executors call it too.
pub use flowrun_remote::{Address, Channel, NoAddress, NoReply, Trust, Unreachable, Written};

/// What is in a shared library, without executing it.
pub use flowrun_plugin::{Inspection, in_words, inspect, look};
/// Which program the child processes of executors run, and what it does as one.
pub use flowrun_process::{Program, guard as guard_children, serve as serve_child};

/// What can be done with an index that no flow has open.
pub use flowrun_index::tool as index;

/// A JPEG of an image, or of the first frame of a clip, that fits a square of `side` pixels.
///
/// # Errors
/// When the bytes are no picture that is read here.
pub fn thumbnail(bytes: &[u8], side: u32) -> Result<Vec<u8>, ExecutorError> {
    flowrun_image::thumbnail(bytes, side)
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
