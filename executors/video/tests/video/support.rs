//! Runs `VideoSegmenter` without a flow.

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Context, Document, ExecutorError, ExecutorType, Value};
use flowrun_video::{Animations, VideoFrame, video_segmenter};

/// No animated pictures: their decoder is in another crate.
pub(crate) struct NoAnimations;

impl Animations for NoAnimations {
    fn mime_type(_: &[u8]) -> Option<&'static str> {
        None
    }

    fn decode(
        _: &[u8],
        _: &dyn Fn(u32, u32) -> (u32, u32),
        _: &mut dyn FnMut(VideoFrame) -> Result<(), ExecutorError>,
    ) -> Result<f64, ExecutorError> {
        Err(ExecutorError::input("not a picture"))
    }
}

static SEGMENTER: ExecutorType = video_segmenter::<NoAnimations>();

/// True if ffmpeg is installed; panics if it is required.
pub(crate) fn has_ffmpeg() -> bool {
    match flowrun_video::installed() {
        Ok(_) => true,
        Err(reason) => {
            let is_required = std::env::var_os("FLOWRUN_CLIENTS").is_some_and(|value| value == "required");
            assert!(!is_required, "{reason}");
            eprintln!("skipped: {reason}");
            false
        }
    }
}

/// An executor with these parameters.
pub(crate) fn harness(with: &Value) -> ExecutorHarness {
    ExecutorHarness::new(&SEGMENTER, with, Context::standalone(".")).unwrap()
}

/// The error of creating an executor with these parameters.
pub(crate) fn create_error(with: &Value) -> String {
    match ExecutorHarness::new(&SEGMENTER, with, Context::standalone(".")) {
        Ok(_) => panic!("{with} is accepted"),
        Err(error) => error.to_string(),
    }
}

/// Segments one document; the error message if it fails.
pub(crate) fn try_segment(document: Document, with: &Value) -> Result<Document, String> {
    let answer =
        harness(with).call("/index", vec![document], &Value::Null).map_err(|error| error.to_string())?;
    match answer.failures.first() {
        Some(failure) => Err(failure.error.to_string()),
        None => Ok(answer.documents[0].clone()),
    }
}

/// Segments a file.
pub(crate) fn segment(path: &std::path::Path, with: &Value) -> Document {
    let document = Document::new("video").with_uri(path.to_str().unwrap());
    try_segment(document, with).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Values of a numeric tag of all chunks.
pub(crate) fn tags(document: &Document, name: &str) -> Vec<f64> {
    document.chunks.iter().map(|chunk| chunk.tags[name].as_f64().unwrap()).collect()
}
