//! The parameters of `VideoSegmenter`.

use std::path::PathBuf;
use std::time::Duration;

use flowrun_sdk::{AccessPaths, BuildError};

use crate::limits::SIDE_MAX;

flowrun_sdk::choice! {
    /// Frames of a video that become chunks.
    pub(crate) enum Frames {
        /// `frames_per_scene` frames of every scene.
        Scenes = "scenes",
        /// `fps` frames per second.
        Rate = "rate",
        /// Every `every_k_frame`-th frame.
        Every = "every",
        /// Key frames, which are decoded without the frames between them.
        Key = "key",
    }
}

/// Largest number of frames of a scene.
const FRAMES_PER_SCENE_MAX: usize = 16;

flowrun_sdk::parameters! {
    /// Parameters of `VideoSegmenter`.
    pub(crate) struct VideoSegmenterParameters {
        /// Frames that become chunks: `scenes` for `frames_per_scene` of every scene, `rate` for `fps` per second, `every` for
        /// every `every_k_frame`-th, or `key` for the key frames, which are the fastest to decode. Only `scenes` finds scenes
        /// and sets their tags.
        frames: Frames = Frames::Scenes,
        /// Frames of each scene, at equal distances; with one, its middle. At most 16.
        frames_per_scene: usize = 1,
        /// Frames per second of `frames: rate`.
        fps: f64 = 1.0,
        /// Distance of the frames of `frames: every`, beginning with the first.
        every_k_frame: u64 = 1,
        /// Shortest scene in seconds; a cut sooner after another is ignored.
        min_scene: Duration = Duration::from_millis(600),
        /// A cut is a frame that differs this many times as much from the frame before it as the frames around it do. Smaller finds
        /// more cuts.
        cut_ratio: f32 = 3.0,
        /// Smallest difference at a cut: mean over hue, saturation and value from 0 to 255.
        cut_difference: f32 = 15.0,
        /// Finds fades too: dissolves, and fades through black or white.
        fades: bool = true,
        /// Longest side of the frames in pixels; larger ones are scaled down, smaller ones are kept. Null keeps the size of the video.
        max_side: Option<u32> = Some(320),
        /// Largest number of frames of a video; a video with more fails.
        max_frames: usize = 1000,
        /// Longest time of decoding a video, in seconds.
        timeout: Duration = Duration::from_secs(3600),
        /// The program `ffmpeg`, by name or path; `ffprobe` has to be in the same directory.
        ffmpeg: PathBuf = "ffmpeg".into(),
        /// Documents to process.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}

impl VideoSegmenterParameters {
    /// # Errors
    /// The first parameter that is out of range.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        let wrong = |name: &'static str, reason: String| Err(BuildError::parameter(name, reason));
        match self {
            _ if !(1..=FRAMES_PER_SCENE_MAX).contains(&self.frames_per_scene) => {
                wrong("frames_per_scene", format!("must be from 1 to {FRAMES_PER_SCENE_MAX}"))
            }
            _ if !(self.fps > 0.0 && self.fps <= 1000.0) => {
                wrong("fps", "must be more than 0 and at most 1000".to_owned())
            }
            Self { every_k_frame: 0, .. } => wrong("every_k_frame", "must be at least 1".to_owned()),
            Self { max_frames: 0, .. } => wrong("max_frames", "must be at least 1".to_owned()),
            _ if self.max_side.is_some_and(|side| !(1..=SIDE_MAX).contains(&side)) => {
                wrong("max_side", format!("must be from 1 to {SIDE_MAX}, or null"))
            }
            _ if self.cut_ratio < 1.0 => wrong("cut_ratio", "must be at least 1".to_owned()),
            _ => Ok(()),
        }
    }
}
