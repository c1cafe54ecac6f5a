//! Splits a stream of frames into scenes.

use std::collections::VecDeque;

use super::detector::{CutDetector, CutSettings};
use super::features::FeatureReader;
use super::scene_frames::SceneFrames;
use super::window::Window;
use crate::frame::VideoFrame;

/// Frames whose times are remembered until they are decided on.
const TIMES: usize = 256;

/// A scene and the frames that represent it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scene {
    /// Number of the scene in the video, from 0.
    pub(crate) number: u64,
    /// Time of its first frame in seconds.
    pub(crate) start: f64,
    /// Time of the first frame after it, or of the end of the video.
    pub(crate) end: f64,
    pub(crate) frames: Vec<VideoFrame>,
}

/// Splits a video into scenes. All of its frames have to be pushed in their order.
#[derive(Debug)]
pub(crate) struct SceneSplitter {
    features: FeatureReader,
    detector: CutDetector,
    frames_per_scene: usize,
    /// Frames of the current scene.
    current: SceneFrames,
    /// Frames that were not decided on yet, by their position: every [`step`](Self::step)-th.
    undecided: VecDeque<(usize, VideoFrame)>,
    step: usize,
    /// The last frame, if it is not among the undecided ones.
    skipped: Option<(usize, VideoFrame)>,
    /// Number and time of recent frames.
    positions: Window<(u64, f64)>,
    number: u64,
    start: f64,
}

impl SceneSplitter {
    /// A splitter for a video of `rate` frames per second. It keeps up to `frames_max` frames of the current scene, and as many that are
    /// not decided on yet.
    pub(crate) fn new(settings: CutSettings, rate: f64, frames_per_scene: usize, frames_max: usize) -> Self {
        let detector = CutDetector::new(settings, rate);
        Self {
            features: FeatureReader::default(),
            frames_per_scene,
            current: SceneFrames::new(frames_max),
            undecided: VecDeque::new(),
            step: detector.delay().div_ceil(frames_max.max(1)).max(1),
            skipped: None,
            positions: Window::new(TIMES),
            number: 0,
            start: 0.0,
            detector,
        }
    }

    /// Reads the next frame; returns a scene once its end is known.
    pub(crate) fn push(&mut self, frame: VideoFrame) -> Option<Scene> {
        let features = self.features.read(frame.width, &frame.pixels);
        let position = self.positions.end();
        if position == 0 {
            self.start = frame.timestamp;
        }
        self.positions.push((frame.number, frame.timestamp));
        if position.is_multiple_of(self.step) {
            self.undecided.push_back((position, frame));
            self.skipped = None;
        } else {
            self.skipped = Some((position, frame));
        }
        let cut = self.detector.push(features);
        self.advance(cut)
    }

    /// Returns the remaining scenes of a video that ends at time `end`.
    pub(crate) fn finish(mut self, end: f64) -> Vec<Scene> {
        self.undecided.extend(self.skipped.take());
        let mut scenes = Vec::new();
        while let Some(cut) = self.detector.flush() {
            scenes.extend(self.advance(cut));
        }
        if self.positions.end() > 0 {
            scenes.push(self.end_scene(end));
        }
        scenes
    }

    /// Adds the frames that were decided on to the scene, or to the next one if that begins with the last of them.
    fn advance(&mut self, cut: Option<usize>) -> Option<Scene> {
        let Some(cut) = cut else {
            self.add_decided(self.detector.decided());
            return None;
        };
        self.add_decided(cut);
        let &(_, end) = self.positions.get(cut)?;
        let scene = self.end_scene(end);
        self.add_decided(self.detector.decided());
        Some(scene)
    }

    /// Adds the frames before a position to the current scene.
    fn add_decided(&mut self, end: usize) {
        while let Some((_, frame)) = self.undecided.pop_front_if(|(position, _)| *position < end) {
            self.current.push(frame);
        }
    }

    fn end_scene(&mut self, end: f64) -> Scene {
        let frames = self.current.take(self.frames_per_scene, self.start, end);
        let scene = Scene { number: self.number, start: self.start, end, frames };
        self.number += 1;
        self.start = end;
        scene
    }
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::{Parameters as _, RawParameters};

    use super::*;
    use crate::parameters::VideoSegmenterParameters;

    /// Scenes of a video whose frames have these levels of grey, with memory for `frames_max` frames.
    fn scenes_within(frames_max: usize, levels: &[u8], frames_per_scene: usize) -> Vec<Scene> {
        let with = VideoSegmenterParameters::parse(&RawParameters::new()).unwrap();
        let mut splitter = SceneSplitter::new(CutSettings::new(&with), 25.0, frames_per_scene, frames_max);
        let mut scenes = Vec::new();
        for (number, level) in (0..).zip(levels) {
            let timestamp = number as f64 / 25.0;
            let frame =
                VideoFrame { number, timestamp, width: 8, height: 6, pixels: vec![*level; 8 * 6 * 3] };
            scenes.extend(splitter.push(frame));
        }
        scenes.extend(splitter.finish(levels.len() as f64 / 25.0));
        scenes
    }

    fn scenes(levels: &[u8], frames_per_scene: usize) -> Vec<Scene> {
        scenes_within(8 * frames_per_scene, levels, frames_per_scene)
    }

    #[test]
    fn scenes_cover_the_video_without_gaps() {
        let scenes = scenes(&[[20; 50], [200; 50], [90; 50]].concat(), 1);
        let ranges: Vec<_> = scenes.iter().map(|scene| (scene.number, scene.start, scene.end)).collect();
        assert_eq!(ranges, [(0, 0.0, 2.0), (1, 2.0, 4.0), (2, 4.0, 6.0)]);
    }

    #[test]
    fn every_scene_is_represented_by_its_own_frames() {
        let levels = [vec![20; 500], vec![200; 20], vec![90; 50]].concat();
        for scene in scenes(&levels, 3) {
            assert_eq!(scene.frames.len(), 3, "{}", scene.number);
            let level = [20, 200, 90][scene.number as usize];
            assert!(scene.frames.iter().all(|frame| frame.pixels[0] == level), "{}", scene.number);
        }
    }

    #[test]
    fn short_scenes_after_long_ones_are_represented_also_with_little_memory() {
        let levels = [vec![20; 3000], vec![200; 16], vec![90; 16], vec![180; 1]].concat();
        for frames_max in [2, 3, 8, 100] {
            let scenes = scenes_within(frames_max, &levels, 1);
            let shown: Vec<u8> = scenes.iter().map(|scene| scene.frames[0].pixels[0]).collect();
            assert_eq!(shown, [20, 200, 90, 180], "{frames_max}");
        }
    }

    #[test]
    fn a_video_without_frames_has_no_scenes() {
        assert_eq!(scenes(&[], 1), []);
        assert_eq!(scenes(&[7], 2).len(), 1);
    }
}
