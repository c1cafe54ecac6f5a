//! `VideoSegmenter`, with the decoder of animated pictures of `flowrun_image`.

use flowrun_image::decode::Format;
use flowrun_sdk::{ExecutorError, ExecutorType};
use flowrun_video::{Animations, VideoFrame};

/// The executor types of this module.
pub(super) const EXECUTORS: &[ExecutorType] = &[flowrun_video::video_segmenter::<Pictures>()];

/// Decodes animated pictures.
struct Pictures;

impl Animations for Pictures {
    fn mime_type(content: &[u8]) -> Option<&'static str> {
        Format::detect(content).ok().map(Format::mime_type)
    }

    fn decode(
        content: &[u8],
        scaled_size: &dyn Fn(u32, u32) -> (u32, u32),
        visit: &mut dyn FnMut(VideoFrame) -> Result<(), ExecutorError>,
    ) -> Result<f64, ExecutorError> {
        let mut visit = |frame: flowrun_image::ClipFrame<'_>| {
            let flowrun_image::ClipFrame { number, start, width, height, pixels } = frame;
            visit(VideoFrame {
                number,
                timestamp: start.as_secs_f64(),
                width,
                height,
                pixels: pixels.to_vec(),
            })
        };
        flowrun_image::visit_frames(content, scaled_size, &mut visit).map(|duration| duration.as_secs_f64())
    }
}
