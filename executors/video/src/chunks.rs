//! Collects the frames of a video as chunks.

use flowrun_sdk::{CallBudget, Document, ExecutorError, Tensor, Value};

use crate::frame::VideoFrame;
use crate::frame_size::FrameSize;
use crate::limits::{CANDIDATE_BYTES_MAX, FRAMES_IN_FLIGHT};
use crate::parameters::{Frames, VideoSegmenterParameters};
use crate::scenes::{CutSettings, Scene, SceneSplitter};
use crate::selection::Selection;

/// Remedy for videos that exceed the memory of a request.
const KEEP_LESS: &str =
    "keep fewer frames (`frames`, `fps`, `frames_per_scene`) or smaller ones (`max_side`)";

/// Candidates for each frame of a scene: the chosen frame is at most a sixteenth of its part of the scene away from the middle.
const CANDIDATES_PER_FRAME: usize = 8;

/// Candidates for each scene, unless the frames are large: all frames on which the detection of cuts has not decided yet.
const CANDIDATES_MIN: usize = 32;

/// Receives the frames of a video in their order, and keeps those that become chunks.
pub(crate) struct FrameCollector<'a> {
    video: &'a Document,
    budget: &'a CallBudget,
    frames_max: usize,
    selector: Selector,
    chunks: Vec<Document>,
}

enum Selector {
    Scenes(Box<SceneSplitter>),
    /// Selection of the frames, and the time of the last one that was kept.
    Frames(Selection, Option<f64>),
}

impl<'a> FrameCollector<'a> {
    /// A collector for a video of `rate` frames per second, whose frames have the given size. Unless scenes decide it, it keeps
    /// the frames of `selection`.
    ///
    /// # Errors
    /// If the frames in flight exceed the memory of the request.
    pub(crate) fn new(
        video: &'a Document,
        with: &VideoSegmenterParameters,
        selection: Selection,
        (rate, size): (f64, FrameSize),
        budget: &'a CallBudget,
    ) -> Result<Self, ExecutorError> {
        let bytes = size.bytes().max(1);
        let (selector, candidates) = match with.frames {
            Frames::Scenes => {
                let wanted = CANDIDATES_PER_FRAME * with.frames_per_scene;
                let frames_max = (CANDIDATE_BYTES_MAX / bytes).clamp(2, wanted.max(CANDIDATES_MIN));
                let splitter =
                    SceneSplitter::new(CutSettings::new(with), rate, with.frames_per_scene, frames_max);
                // And one that is not decided on yet, and one that is dropped when there are too many.
                (Selector::Scenes(Box::new(splitter)), 2 * frames_max + 2)
            }
            _ => (Selector::Frames(selection, None), 0),
        };
        // One frame is being read and one is being looked at.
        budget.reserve_with_remedy(bytes.saturating_mul(candidates + FRAMES_IN_FLIGHT + 2), KEEP_LESS)?;
        Ok(Self { video, budget, frames_max: with.max_frames, selector, chunks: Vec::new() })
    }

    /// Receives the next frame.
    ///
    /// # Errors
    /// If there are more frames than allowed, or they exceed the memory of the request.
    pub(crate) fn push(&mut self, frame: VideoFrame) -> Result<(), ExecutorError> {
        match &mut self.selector {
            Selector::Scenes(splitter) => match splitter.push(frame) {
                Some(scene) => self.add_scene(scene),
                None => Ok(()),
            },
            Selector::Frames(selection, last) => {
                if !selection.keeps(frame.number, frame.timestamp, *last) {
                    return Ok(());
                }
                *last = Some(frame.timestamp);
                self.add(frame, None)
            }
        }
    }

    /// Returns the chunks of a video that ends at time `end`.
    ///
    /// # Errors
    /// Those of [`push`](Self::push).
    pub(crate) fn finish(mut self, end: f64) -> Result<Vec<Document>, ExecutorError> {
        let none = Selector::Frames(Selection::All, None);
        if let Selector::Scenes(splitter) = std::mem::replace(&mut self.selector, none) {
            for scene in splitter.finish(end) {
                self.add_scene(scene)?;
            }
        }
        Ok(self.chunks)
    }

    fn add_scene(&mut self, mut scene: Scene) -> Result<(), ExecutorError> {
        let frames = std::mem::take(&mut scene.frames);
        frames.into_iter().try_for_each(|frame| self.add(frame, Some(&scene)))
    }

    /// Adds a frame of a scene, if scenes are known.
    fn add(&mut self, frame: VideoFrame, scene: Option<&Scene>) -> Result<(), ExecutorError> {
        if self.chunks.len() >= self.frames_max {
            return Err(ExecutorError::input(format_args!(
                "the video has more than {} frames to keep (`max_frames`) after {:.0} seconds; {KEEP_LESS}",
                self.frames_max, frame.timestamp
            )));
        }
        self.budget.reserve_with_remedy(frame.pixels.len(), KEEP_LESS)?;
        let mut chunk = self.video.new_chunk(frame.number);
        let tags = chunk.tags_mut();
        let mut tag = |name: &str, value: Value| _ = tags.insert(name.to_owned(), value);
        tag("video_id", self.video.id.as_str().into());
        tag("frame", frame.number.into());
        tag("timestamp", seconds(frame.timestamp));
        if let Some(scene) = scene {
            tag("scene_number", scene.number.into());
            tag("scene_start", seconds(scene.start));
            tag("scene_end", seconds(scene.end));
        }
        chunk.offset = Some(frame.number as f32);
        chunk.weight = Some(1.0);
        let shape = vec![frame.height as usize, frame.width as usize, 3];
        chunk.tensor = Some(Tensor::from_u8(shape, frame.pixels)?);
        self.chunks.push(chunk);
        Ok(())
    }
}

/// A time in seconds, rounded to milliseconds.
pub(crate) fn seconds(time: f64) -> Value {
    Value::from((time * 1000.0).round() / 1000.0)
}
