//! The single place that names the built-in families.

use flowrun_sdk::{CallBudget, Catalog, Document, ExecutorError, ExecutorType};

/// What encoders are made of: families do not see each other, they meet here.
struct Parts;

/// Encodes pictures with a model.
const ONNX_IMAGE_ENCODER: ExecutorType = flowrun_onnx::onnx_image_encoder::<Prepared>();

impl flowrun_clip::Towers for Parts {
    const TEXT_FALLBACK: ExecutorType = flowrun_text::TEXT_HASHING_ENCODER;
    const IMAGE_FALLBACK: ExecutorType = flowrun_image::IMAGE_DESCRIPTOR_ENCODER;
    const TEXT_MODEL: ExecutorType = flowrun_onnx::ONNX_TEXT_ENCODER;
    const IMAGE_MODEL: ExecutorType = ONNX_IMAGE_ENCODER;
}

impl flowrun_image::ModelEncoder for Parts {
    const ENCODER: ExecutorType = ONNX_IMAGE_ENCODER;
}

/// How pictures become what models want.
struct Prepared(flowrun_image::ImagePreprocessor);

impl flowrun_onnx::PreprocessImage for Prepared {
    fn new(input: flowrun_onnx::ImageInput) -> Self {
        let flowrun_onnx::ImageInput { size, shorter_side, filter, channels_first, tensors_channels_first } =
            input;
        Self(flowrun_image::ImagePreprocessor::new(flowrun_image::PreprocessingSpec {
            size,
            shorter_side,
            filter,
            channels_first,
            tensors_channels_first,
        }))
    }

    fn preprocess<T: Copy + Default>(
        &mut self,
        document: &Document,
        budget: &CallBudget,
        tables: &flowrun_onnx::LookupTables<T>,
        output: &mut [T],
    ) -> Result<(), ExecutorError> {
        self.0.preprocess(document, budget, tables, output)
    }
}

/// Every built-in executor.
pub fn built_in() -> Catalog {
    Catalog::new([
        flowrun_document::EXECUTORS,
        flowrun_image::EXECUTORS,
        flowrun_text::EXECUTORS,
        &[
            flowrun_image::keras_image_encoder::<Parts>(),
            flowrun_image::image_torch_encoder::<Parts>(),
            ONNX_IMAGE_ENCODER,
            flowrun_onnx::ONNX_TEXT_ENCODER,
            flowrun_clip::clip_encoder::<Parts>(),
        ],
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

/// Directories in object stores, where snapshots of indexes are kept.
pub use flowrun_bucket as bucket;

/// Documents in the rows of tables, which indexes are filled from and written out to.
pub use flowrun_table as table;

/// Which Python executors run in when they do not say.
pub use flowrun_process::default_interpreter;

/// Libraries that models run on: looked for, and fetched.
pub use flowrun_onnx::runtime::{
    FetchError, cache_directory, fetch as fetch_onnx_runtime, report as model_libraries,
};

/// How models are tried in a child process before they are opened in this one.
pub use flowrun_onnx::session::{open_on_trial as try_model, try_with as try_models_with};

/// What models will run on, in words.
///
/// # Errors
/// Why they will not run at all.
pub fn models_run_on() -> Result<String, String> {
    let runtime = flowrun_onnx::runtime::start().map_err(|error| error.to_string())?;
    let devices = runtime.devices().join(", ");
    Ok(match runtime.backend() {
        flowrun_onnx::runtime::Backend::OnnxRuntime { path, version } => {
            format!("ONNX Runtime {version} ({}); devices: {devices}", path.display())
        }
        flowrun_onnx::runtime::Backend::Tract => format!("tract, which is compiled in; devices: {devices}"),
    })
}

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
