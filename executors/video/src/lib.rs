//! `VideoSegmenter`: cuts videos into scenes and frames. Also previews of videos.
//!
//! Videos are decoded by the system's `ffmpeg` and `ffprobe` programs, one process at a time for each replica, with raw frames
//! through a pipe ([`ffmpeg`]). The container format is detected from the content and forced, so that neither playlists nor
//! network addresses are followed. Scene cuts are found in the decoded frames ([`scenes`]), whatever their source.
//! Animated GIF, WebP and PNG need no ffmpeg: the program supplies their decoder ([`Animations`]), because executor crates depend on
//! the SDK alone. The same processes make still pictures and short clips of videos for web pages ([`preview`]). Deliberately not
//! here: sound, and other output.

mod animation;
mod chunks;
mod container;
mod content;
mod ffmpeg;
mod frame;
mod frame_size;
mod limits;
mod parameters;
mod preview;
mod scenes;
mod segmenter;
mod selection;
mod time_limit;

use flowrun_sdk::{ContentKind, ExecutorDescription, ExecutorType};

pub use animation::Animations;
pub use content::VideoFile;
pub use ffmpeg::installed;
pub use frame::VideoFrame;
pub use limits::VIDEO_BYTES_MAX;
pub use preview::{PreviewOptions, clip_of_frames};

/// The executor type `VideoSegmenter` with the given decoder of animated pictures.
#[must_use]
pub const fn video_segmenter<A: Animations + 'static>() -> ExecutorType {
    ExecutorType::new::<parameters::VideoSegmenterParameters>(
        "VideoSegmenter",
        "Cuts every video into scenes, and adds a chunk for each selected frame: RGB, height × width × 3, 0 to 255, bytes.",
        segmenter::create::<A>,
    )
    .with_description(|build| ExecutorDescription::plain().with_needed_content(ContentKind::Picture, build))
}
