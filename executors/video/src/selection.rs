//! Frames that are decoded and become chunks, if scenes do not decide it.

use crate::parameters::{Frames, VideoSegmenterParameters};

/// Added to frame times before they are rounded to the grid of a rate, as a share of its period: times have rounding errors.
const TOLERANCE: f64 = 0.001;

/// A rule by the number and the time of a frame. ffmpeg applies it as a filter, so that other frames are not scaled; frames of
/// animated pictures are checked here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Selection {
    /// All frames.
    All,
    /// Key frames. All frames of animated pictures are key frames.
    KeyFrames,
    /// Frames whose number is a multiple.
    Every(u64),
    /// The first frame of every period of a number of frames per second.
    Rate(f64),
}

impl Selection {
    pub(crate) fn new(with: &VideoSegmenterParameters) -> Self {
        match with.frames {
            Frames::Scenes => Self::All,
            Frames::Key => Self::KeyFrames,
            Frames::Every => Self::Every(with.every_k_frame),
            Frames::Rate => Self::Rate(with.fps),
        }
    }

    /// True for key frames only.
    pub(crate) fn is_of_key_frames(&self) -> bool {
        matches!(self, Self::KeyFrames)
    }

    /// ffmpeg's filter; `None` if all decoded frames are selected.
    pub(crate) fn filter(&self) -> Option<String> {
        match self {
            Self::All | Self::KeyFrames | Self::Every(1) => None,
            Self::Every(step) => Some(format!("select='not(mod(n,{step}))'")),
            Self::Rate(rate) => {
                let period = |time: &str| format!("floor({time}*{rate}+{TOLERANCE})");
                let (now, before) = (period("t"), period("prev_selected_t"));
                Some(format!("select='isnan(prev_selected_t)+gt({now},{before})'"))
            }
        }
    }

    /// True if the frame is selected. `last` is the time of the last selected frame.
    pub(crate) fn keeps(&self, number: u64, timestamp: f64, last: Option<f64>) -> bool {
        match self {
            Self::All | Self::KeyFrames => true,
            Self::Every(step) => number.is_multiple_of(*step),
            Self::Rate(rate) => {
                let period = |time: f64| (time * rate + TOLERANCE).floor();
                last.is_none_or(|last| period(timestamp) > period(last))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of the selected frames of ten, at 25 frames per second.
    fn selected(selection: Selection, frames: u64) -> Vec<u64> {
        let mut last = None;
        let frames = (0..frames).filter(|number| {
            let timestamp = *number as f64 / 25.0;
            let keeps = selection.keeps(*number, timestamp, last);
            last = if keeps { Some(timestamp) } else { last };
            keeps
        });
        frames.collect()
    }

    #[test]
    fn frames_are_selected_by_number_or_by_time() {
        assert_eq!(selected(Selection::All, 4), [0, 1, 2, 3]);
        assert_eq!(selected(Selection::Every(3), 10), [0, 3, 6, 9]);
        assert_eq!(selected(Selection::Rate(5.0), 16), [0, 5, 10, 15]);
        assert_eq!(selected(Selection::Rate(10.0), 11), [0, 3, 5, 8, 10]);
        assert_eq!(selected(Selection::Rate(1000.0), 3), [0, 1, 2]);
        assert_eq!(selected(Selection::Rate(0.1), 600), [0, 250, 500]);
    }
}
