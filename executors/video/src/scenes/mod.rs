//! Scenes: cuts and fades between them, and the frames that represent them.
//!
//! A hard cut is a frame that differs much more from its predecessor than the frames around it do (the adaptive detector of
//! PySceneDetect). A fade is too slow for a difference between consecutive frames, and is found in the difference over most of a second. Both
//! are decided about a second after the frame, so that memory holds the pixels of few frames.

mod detector;
mod features;
mod scene_frames;
mod splitter;
mod window;

pub(crate) use detector::CutSettings;
pub(crate) use splitter::{Scene, SceneSplitter};
