//! Runs `ffmpeg` and `ffprobe` on untrusted videos.
//!
//! A video reaches a process as its standard input, an open file, so that no path is passed on. The process is bounded: the
//! demuxer of the detected container is forced, only known video codecs are decoded, no protocol other than local files is
//! available, its environment has the search paths only, and it is killed when it exceeds its memory, its time or the time of the request.
//! A process also ends when flowrun does: it then fails to write its next frame.

mod child;
mod decode;
mod lines;
mod log;
mod output;
mod probe;
mod programs;

pub(crate) use decode::decode;
pub(crate) use output::output;
pub(crate) use probe::probe;
pub use programs::installed;
pub(crate) use programs::{Programs, add_input, add_raw_input};
