//! Thumbnails and previews of the gateway's pages: pictures by `flowrun_image`, videos by `flowrun_video`.

use flowrun_image::decode::Format;
use flowrun_sdk::ExecutorError;
use flowrun_sdk::guard::{CONTENT_BYTES_MAX, OpenedUri};
use flowrun_video::{PreviewOptions, VideoFile, VideoFrame};

use crate::gateway::{MediaOptions, MediaTools};

/// The functions for the gateway.
pub(super) const MEDIA_TOOLS: MediaTools =
    MediaTools { bytes_max: flowrun_video::VIDEO_BYTES_MAX, thumbnail, preview };

/// The video in opened content; `None` for a picture.
fn video(content: &OpenedUri) -> Result<Option<VideoFile>, ExecutorError> {
    VideoFile::open(content, |head| Format::detect(head).is_ok())
}

fn thumbnail(
    content: &OpenedUri,
    time: Option<f64>,
    options: &MediaOptions,
) -> Result<Vec<u8>, ExecutorError> {
    if let Some(video) = video(content)? {
        return video.still(time.unwrap_or_default(), &preview_options(options));
    }
    let picture = content.read(CONTENT_BYTES_MAX)?;
    match time {
        Some(time) => flowrun_image::thumbnail_at(&picture, time, options.side, &options.cancellation),
        None => flowrun_image::thumbnail(&picture, options.side),
    }
}

fn preview(
    content: &OpenedUri,
    (start, length): (f64, f64),
    options: &MediaOptions,
) -> Result<Vec<u8>, ExecutorError> {
    if let Some(video) = video(content)? {
        return video.clip(start, length, &preview_options(options));
    }
    let picture = content.read(CONTENT_BYTES_MAX)?;
    let side = options.side;
    let scaled_size = |width: u32, height: u32| flowrun_image::fitting_size((width, height), side);
    flowrun_video::clip_of_frames((start, length), &preview_options(options), |show| {
        let mut visit = |frame: flowrun_image::ClipFrame<'_>| {
            let flowrun_image::ClipFrame { number, start, width, height, pixels } = frame;
            let timestamp = start.as_secs_f64();
            show(VideoFrame { number, timestamp, width, height, pixels: pixels.to_vec() })
        };
        flowrun_image::visit_frames(&picture, &scaled_size, &mut visit).map(|end| end.as_secs_f64())
    })
}

fn preview_options(options: &MediaOptions) -> PreviewOptions {
    let MediaOptions { side, bytes_max, timeout, cancellation } = options.clone();
    PreviewOptions { side, bytes_max, timeout, cancellation }
}
