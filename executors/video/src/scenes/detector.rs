//! Decides for each frame if a scene begins there, from the features of the frames around it.

use std::time::Duration;

use super::features::{CoarsePicture, Features};
use super::window::Window;
use crate::parameters::VideoSegmenterParameters;

/// Frames before and after a cut whose mean difference is compared with that at the cut, as in PySceneDetect.
const NEIGHBOURS: usize = 2;

/// Seconds before and after a cut in which no other difference is nearly as large. Jerky movement has such differences repeatedly.
const DOMINATED_SECONDS: f64 = 0.3;

/// A difference at a cut is this many times the largest around it.
const DOMINANCE: f32 = 1.25;

/// Time over which fades are measured, in seconds. Longer ones are measured in their middle part.
const FADE_SECONDS: f64 = 0.8;

/// Smallest difference of the coarse pictures before and after a fade, from 0 to 255.
const FADE_DIFFERENCE_MIN: f32 = 10.0;

/// A fade changes the picture this many times as much as the scenes before and after it change in the same time.
const FADE_RATIO: f32 = 1.5;

/// Largest distance of the middle of a dissolve from the mean of the pictures before and after it, as a share of their difference.
const DISSOLVE_DEVIATION_MAX: f32 = 0.4;

/// Largest brightness in the middle of a fade through black, as a share of that before and after; of darkness for white.
const DIP_MAX: f32 = 0.25;

/// Largest step of brightness from one frame to the next in a fade, as a share of its depth.
const DIP_STEP_MAX: f32 = 0.6;

/// Limits of the window that fades are measured over, in frames.
const FADE_FRAMES: (usize, usize) = (6, 60);

/// Settings of the detection of cuts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CutSettings {
    ratio: f32,
    difference: f32,
    fades: bool,
    min_scene: Duration,
}

impl CutSettings {
    pub(crate) fn new(with: &VideoSegmenterParameters) -> Self {
        Self {
            ratio: with.cut_ratio,
            difference: with.cut_difference,
            fades: with.fades,
            min_scene: with.min_scene,
        }
    }
}

/// Features of one frame, and values that are derived from those of the frames before.
#[derive(Debug)]
struct Sample {
    difference: f32,
    picture: CoarsePicture,
    brightness: f32,
    /// Difference of the picture from the one of [`CutDetector::fade`] frames before.
    change: f32,
    /// Distance of the picture in the middle of that time from the mean of the two, as a share of `change`.
    deviation: f32,
}

/// Finds the first frames of scenes in a stream of features.
#[derive(Debug)]
pub(super) struct CutDetector {
    settings: CutSettings,
    /// Frames over which fades are measured, and half of them.
    fade: usize,
    half: usize,
    dominated: usize,
    min_scene: usize,
    samples: Window<Sample>,
    /// Number of the next frame to decide on.
    next: usize,
    last_cut: usize,
}

impl CutDetector {
    /// A detector for a video of `rate` frames per second.
    pub(super) fn new(settings: CutSettings, rate: f64) -> Self {
        let frames = |seconds: f64| (seconds * rate).round() as usize;
        let fade = frames(FADE_SECONDS).clamp(FADE_FRAMES.0, FADE_FRAMES.1);
        Self {
            settings,
            fade,
            half: fade / 2,
            dominated: frames(DOMINATED_SECONDS).clamp(NEIGHBOURS, FADE_FRAMES.1),
            min_scene: frames(settings.min_scene.as_secs_f64()).max(1),
            samples: Window::new(4 * fade + 2),
            next: 0,
            last_cut: 0,
        }
    }

    /// Reads the features of the next frame; returns the number of the first frame of a scene if one was found, which is about a
    /// second before.
    pub(super) fn push(&mut self, features: Features) -> Option<usize> {
        let now = self.samples.end();
        let sample = self.sample(now, features);
        self.samples.push(sample);
        let decided = now.checked_sub(self.delay())?;
        self.decide(decided)
    }

    /// Decides on the next frame at the end of the video; `None` after the last. `Some(None)` if no scene begins there.
    pub(super) fn flush(&mut self) -> Option<Option<usize>> {
        (self.next < self.samples.end()).then(|| self.decide(self.next))
    }

    /// Number of frames that were decided on.
    pub(super) fn decided(&self) -> usize {
        self.next
    }

    /// Frames after a frame that are needed to decide on it.
    pub(super) fn delay(&self) -> usize {
        (self.fade + self.half).max(self.half + 1 + self.dominated)
    }

    fn sample(&self, now: usize, Features { difference, picture }: Features) -> Sample {
        let before = |frames: usize| {
            self.samples.get(now.saturating_sub(frames)).map_or(picture, |sample| sample.picture)
        };
        let (past, middle) = (before(self.fade), before(self.half));
        let change = mean(past.iter().zip(&picture).map(|(past, now)| (past - now).abs()));
        let means = past.iter().zip(&picture).map(|(past, now)| (past + now) / 2.0);
        let deviation = mean(middle.iter().zip(means).map(|(middle, mean)| (middle - mean).abs()));
        let brightness = mean(picture.iter().copied());
        Sample { difference, picture, brightness, change, deviation: deviation / change.max(f32::EPSILON) }
    }

    fn decide(&mut self, frame: usize) -> Option<usize> {
        self.next = frame + 1;
        let is_too_soon = frame < self.last_cut + self.min_scene;
        if is_too_soon || !(self.is_hard_cut(frame) || (self.settings.fades && self.is_fade(frame))) {
            return None;
        }
        self.last_cut = frame;
        Some(frame)
    }

    /// True if the frame differs from its predecessor much more than the frames around do.
    fn is_hard_cut(&self, frame: usize) -> bool {
        let Some(difference) = self.samples.get(frame).map(|sample| sample.difference) else { return false };
        // The first frame has no predecessor.
        let around = |distance: usize| {
            let from = frame.saturating_sub(distance).max(1);
            let others =
                self.samples.range(from, frame + distance).filter(move |(number, _)| *number != frame);
            others.map(|(_, sample)| sample.difference)
        };
        let largest = around(self.dominated).fold(0.0, f32::max);
        frame > 0
            && difference >= self.settings.difference
            && difference >= self.settings.ratio * mean(around(NEIGHBOURS))
            && difference >= DOMINANCE * largest
    }

    /// True if the frame is the middle of a fade.
    fn is_fade(&self, middle: usize) -> bool {
        let (Some(from), to) = (middle.checked_sub(self.half), middle + self.half) else { return false };
        (from + 1..=to).all(|frame| !self.is_hard_cut(frame))
            && (self.is_dip(from, middle, to) || self.is_dissolve(to))
    }

    /// True if the picture is almost black or white in the middle, and not before and after.
    fn is_dip(&self, from: usize, middle: usize, to: usize) -> bool {
        let brightness = |frame: usize| self.samples.get(frame).map(|sample| sample.brightness);
        let (Some(before), Some(extreme), Some(after)) =
            (brightness(from), brightness(middle), brightness(to))
        else {
            return false;
        };
        let mut around = self.samples.range(from, to).map(|(_, sample)| sample.brightness);
        let is_dip = |before: f32, extreme: f32, after: f32| {
            let least = before.min(after);
            least > FADE_DIFFERENCE_MIN && extreme <= DIP_MAX * least
        };
        let white = 255.0;
        let is_extreme = if is_dip(before, extreme, after) {
            around.all(|other| extreme <= other)
        } else {
            is_dip(white - before, white - extreme, white - after) && around.all(|other| extreme >= other)
        };
        let depth = (before - extreme).abs().min((after - extreme).abs());
        is_extreme && (self.is_gradual(from, to, depth) || self.changes(to))
    }

    /// True if no step of brightness makes up most of the depth of a dip: in a flash of light one does.
    fn is_gradual(&self, from: usize, to: usize, depth: f32) -> bool {
        let step = |frame: usize| {
            let [before, now] =
                [frame - 1, frame].map(|frame| self.samples.get(frame).map(|sample| sample.brightness));
            before.zip(now).map_or(0.0, |(before, now)| (now - before).abs())
        };
        (from + 1..=to).all(|frame| step(frame) <= DIP_STEP_MAX * depth)
    }

    /// True if the picture differs from the one before the fade.
    fn changes(&self, to: usize) -> bool {
        self.samples.get(to).is_some_and(|sample| sample.change >= FADE_DIFFERENCE_MIN)
    }

    /// True if the change up to frame `to` is much larger than before and after and linear (the picture in the middle is the mean of
    /// the first and the last), and no frame around is more so.
    fn is_dissolve(&self, to: usize) -> bool {
        let change = |frame: usize| self.samples.get(frame).map_or(0.0, |sample| sample.change);
        let Some(sample) = self.samples.get(to) else { return false };
        if sample.change < FADE_DIFFERENCE_MIN || sample.deviation > DISSOLVE_DEVIATION_MAX {
            return false;
        }
        let mut around = self.samples.range(to.saturating_sub(self.half), to + self.half);
        // Of the windows that contain the whole of a short fade, the one with the fade in its middle has the least deviation.
        let score = |sample: &Sample| sample.change * (1.0 - sample.deviation);
        let before = to.checked_sub(self.fade).map_or(0.0, change);
        let usual = before.max(change(to + self.fade));
        around.all(|(_, other)| score(other) <= score(sample)) && sample.change >= FADE_RATIO * usual
    }
}

fn mean(values: impl Iterator<Item = f32>) -> f32 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / f32::max(count, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenes::features::FeatureReader;

    const RATE: f64 = 25.0;

    /// Cuts in a video of grey frames with these levels.
    fn cuts(levels: &[u8], fades: bool) -> Vec<usize> {
        let settings =
            CutSettings { ratio: 3.0, difference: 15.0, fades, min_scene: Duration::from_millis(600) };
        let mut detector = CutDetector::new(settings, RATE);
        let mut reader = FeatureReader::default();
        let mut found: Vec<usize> = Vec::new();
        for level in levels {
            found.extend(detector.push(reader.read(8, &[*level; 8 * 6 * 3])));
        }
        while let Some(cut) = detector.flush() {
            found.extend(cut);
        }
        found
    }

    /// Levels that rise or fall evenly.
    fn ramp(from: u8, to: u8, frames: u16) -> Vec<u8> {
        let level = |at: u16| {
            (f32::from(from) + (f32::from(to) - f32::from(from)) * f32::from(at) / f32::from(frames)) as u8
        };
        (0..frames).map(level).collect()
    }

    #[test]
    fn hard_cuts_are_found_at_the_first_frame_of_a_scene() {
        let levels = [[20; 40], [180; 40], [90; 40]].concat();
        assert_eq!(cuts(&levels, true), [40, 80]);
        assert_eq!(cuts(&levels, false), [40, 80]);
    }

    #[test]
    fn cuts_near_the_end_of_a_video_are_found() {
        assert_eq!(cuts(&[vec![20; 40], vec![180; 1]].concat(), true), [40]);
        assert_eq!(cuts(&[20; 3], true), [0; 0]);
    }

    #[test]
    fn a_flash_is_no_cut() {
        let levels = [vec![60; 40], vec![250; 1], vec![60; 40]].concat();
        assert_eq!(cuts(&levels, true), [0; 0]);
    }

    #[test]
    fn black_frames_between_two_scenes_are_one_cut() {
        let levels = [vec![120; 60], vec![0; 3], vec![135; 60]].concat();
        assert_eq!(cuts(&levels, true), [60]);
    }

    #[test]
    fn a_scene_that_is_too_short_belongs_to_the_one_before() {
        let levels = [vec![20; 40], vec![200; 12], vec![90; 40]].concat();
        assert_eq!(cuts(&levels, true), [40]);
    }

    #[test]
    fn a_dissolve_is_cut_in_its_middle() {
        for frames in [8, 16, 24, 40] {
            let levels = [vec![40; 60], ramp(40, 200, frames), vec![200; 60]].concat();
            let found = cuts(&levels, true);
            let middle = 60 + usize::from(frames) / 2;
            assert!(found.len() == 1 && found[0].abs_diff(middle) <= 3, "{frames}: {found:?}");
            assert_eq!(cuts(&levels, false), [0; 0]);
        }
    }

    #[test]
    fn fades_through_black_and_white_are_cut_at_the_extreme() {
        for extreme in [0, 255] {
            let levels =
                [vec![120; 60], ramp(120, extreme, 15), ramp(extreme, 140, 15), vec![140; 60]].concat();
            assert_eq!(cuts(&levels, true), [75], "{extreme}");
        }
    }

    #[test]
    fn slow_changes_of_light_are_no_fades() {
        assert_eq!(cuts(&[ramp(20, 220, 500), ramp(220, 20, 500)].concat(), true), [0; 0]);
    }
}
