//! Bounds on untrusted videos and on the processes that decode them. Those on kept frames are parameters.

use std::time::Duration;

/// Largest video file in bytes: two hours at the bit rate of a Blu-ray disc are half of it. The file is never in memory.
pub const VIDEO_BYTES_MAX: u64 = 64 << 30;

/// Longest side of a frame in pixels, before scaling: more than 8K video.
pub(crate) const SIDE_MAX: u32 = 16_384;

/// Largest number of pixels of a frame before scaling: 8K video. A decoder holds up to 17 frames of that size.
pub(crate) const FRAME_PIXELS_MAX: u64 = 7680 * 4320;

/// Largest number of frames that are decoded of a video: 18 hours at 30 frames per second.
pub(crate) const DECODED_FRAMES_MAX: u64 = 2_000_000;

/// Largest number of tracks of a video: films have up to 40 languages of sound and subtitles.
pub(crate) const TRACKS_MAX: u32 = 100;

/// Largest address space of a decoding process in bytes. 8K video takes 2 GB with two threads.
pub(crate) const PROCESS_BYTES_MAX: u64 = 6 << 30;

/// Longest time to wait for the description of a video by `ffprobe`, and again for its log. It reads at most 5 MB or 5 s of the video.
pub(crate) const PROBE_TIME_MAX: Duration = Duration::from_secs(30);

/// Largest description of a video by `ffprobe`, in bytes; [`TRACKS_MAX`] tracks take 100 kB.
pub(crate) const PROBE_BYTES_MAX: u64 = 1 << 20;

/// Longest time without a new decoded frame. Seeking over the sound of an hour takes seconds.
pub(crate) const STALL_TIME_MAX: Duration = Duration::from_secs(60);

/// Frames per second of a clip: enough for movement, and a third of the bytes of the usual rates.
pub(crate) const CLIP_RATE: u32 = 15;

/// Bytes at the beginning of a file from which its format is detected.
pub(crate) const HEAD_BYTES: usize = 4096;

/// Decoded frames in the channel between the pipe and the executor.
pub(crate) const FRAMES_IN_FLIGHT: usize = 2;

/// Bytes of the candidates for the frames of the current scene, or two frames if those are larger. Frames that may belong to the next scene take as much again.
pub(crate) const CANDIDATE_BYTES_MAX: usize = 64 << 20;
