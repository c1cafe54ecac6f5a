//! Candidates for the frames that represent a scene whose length is not known yet.

use crate::frame::VideoFrame;

/// Frames of the current scene at about equal distances, of a bounded number: when there are too many, every second one is
/// dropped.
#[derive(Debug)]
pub(super) struct SceneFrames {
    candidates: Vec<VideoFrame>,
    capacity: usize,
    /// Distance of the candidates, in frames that were pushed.
    step: u64,
    /// Number of frames that were pushed.
    pushed: u64,
}

impl SceneFrames {
    /// `capacity` is at least 2.
    pub(super) fn new(capacity: usize) -> Self {
        Self { candidates: Vec::new(), capacity: capacity.max(2), step: 1, pushed: 0 }
    }

    /// Adds the next frame of the scene.
    pub(super) fn push(&mut self, frame: VideoFrame) {
        if self.pushed.is_multiple_of(self.step) {
            self.candidates.push(frame);
        }
        self.pushed += 1;
        if self.candidates.len() > self.capacity {
            let mut is_even = false;
            self.candidates.retain(|_| {
                is_even = !is_even;
                is_even
            });
            self.step *= 2;
        }
    }

    /// Removes all frames, for the next scene; returns those nearest to the middles of `count` equal parts of the time from `start` to
    /// `end`, fewer if there are fewer candidates.
    pub(super) fn take(&mut self, count: usize, start: f64, end: f64) -> Vec<VideoFrame> {
        let mut candidates = std::mem::take(&mut self.candidates);
        (self.step, self.pushed) = (1, 0);
        let mut chosen: Vec<VideoFrame> = Vec::new();
        for part in 0..count.min(candidates.len()) {
            let target = start + (end - start) * (part as f64 + 0.5) / count as f64;
            let distance = |frame: &VideoFrame| (frame.timestamp - target).abs();
            let nearest =
                candidates.iter().enumerate().min_by(|(_, a), (_, b)| distance(a).total_cmp(&distance(b)));
            if let Some(position) = nearest.map(|(position, _)| position) {
                chosen.push(candidates.remove(position));
            }
        }
        chosen.sort_by_key(|frame| frame.number);
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(number: u64) -> VideoFrame {
        VideoFrame { number, timestamp: number as f64, width: 1, height: 1, pixels: vec![0; 3] }
    }

    fn scene(frames: std::ops::Range<u64>, capacity: usize) -> SceneFrames {
        let mut scene = SceneFrames::new(capacity);
        frames.for_each(|number| scene.push(frame(number)));
        scene
    }

    fn numbers(frames: &[VideoFrame]) -> Vec<u64> {
        frames.iter().map(|frame| frame.number).collect()
    }

    #[test]
    fn chosen_frames_are_near_the_middles_of_equal_parts() {
        assert_eq!(numbers(&scene(0..8, 8).take(1, 0.0, 8.0)), [4]);
        for length in [10_u64, 100, 1000, 12_345] {
            for count in 1..5_usize {
                let chosen = scene(0..length, 8 * count).take(count, 0.0, length as f64);
                for (part, frame) in chosen.iter().enumerate() {
                    let target = length as f64 * (part as f64 + 0.5) / count as f64;
                    let distance = (frame.timestamp - target).abs();
                    assert!(
                        distance <= length as f64 / count as f64 / 8.0 + 1.0,
                        "{length}, {count}: {distance}"
                    );
                }
                assert_eq!(chosen.len(), count);
            }
        }
    }

    #[test]
    fn candidates_are_bounded_in_number() {
        let mut scene = SceneFrames::new(8);
        for number in 0..10_000 {
            scene.push(frame(number));
            assert!(scene.candidates.len() <= 8);
        }
    }

    #[test]
    fn the_frames_of_a_scene_are_not_those_of_the_next() {
        let mut frames = scene(0..1000, 8);
        assert_eq!(frames.take(99, 0.0, 1000.0).len(), frames.capacity);
        frames.push(frame(1000));
        assert_eq!(numbers(&frames.take(99, 1000.0, 1001.0)), [1000]);
    }
}
