//! Description of a video by `ffprobe`: the track that is decoded, its size, rate and length.

use std::io::{BufReader, Read};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use flowrun_sdk::{ExecutorError, Value};

use super::child::{Started, describe_end, start};
use super::lines::next_line;
use super::log::{error_message, rejected_decoder};
use super::programs::{Programs, add_input, codec_names, is_decoded};
use crate::content::VideoFile;
use crate::frame_size::FrameSize;
use crate::limits::{FRAME_PIXELS_MAX, PROBE_BYTES_MAX, PROBE_TIME_MAX, SIDE_MAX};
use crate::time_limit::TimeLimit;

/// Fields of the description.
const ENTRIES: &str = "stream=index,codec_type,codec_name,width,height,sample_aspect_ratio,avg_frame_rate,r_frame_rate,duration\
                       :stream_disposition=attached_pic:stream_tags=rotate:stream_side_data=rotation:format=duration";

/// Frame rate of videos that state none.
const DEFAULT_RATE: f64 = 25.0;

const WORK: &str = "reading the tracks of the video";

/// The video track of a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VideoTrack {
    /// Number of the track in the file.
    pub(crate) index: u64,
    /// Size as displayed: rotated, with square pixels.
    pub(crate) size: FrameSize,
    /// Average number of frames per second.
    pub(crate) rate: f64,
    /// Length in seconds, if the file states it.
    pub(crate) duration: Option<f64>,
}

/// Describes a video.
///
/// # Errors
/// If the file is damaged, has no video track, exceeds a bound, or uses a codec that is not decoded.
pub(crate) fn probe(
    programs: &Programs,
    video: &VideoFile,
    time_limit: &TimeLimit<'_>,
) -> Result<VideoTrack, ExecutorError> {
    let mut command = programs.ffprobe();
    command.args(["-loglevel", "level+error", "-show_entries", ENTRIES, "-print_format", "json=compact=1"]);
    // ffprobe fails if the decoder of any track is not on the list, and it has to describe those of sound too.
    add_input(&mut command, video.container, "-codec_whitelist:v");
    let Started { child, stdout, stderr } = start(command, &video.file, time_limit)?;
    let (description, log) = (read_in_background(stdout), read_log(stderr));
    let description = time_limit.receive(&description, PROBE_TIME_MAX, WORK)?.unwrap_or_default();
    let log = time_limit.receive(&log, PROBE_TIME_MAX, WORK)?.unwrap_or_default();
    let status = child.wait(time_limit, WORK)?;
    let name = video.container.name();
    if description.len() as u64 > PROBE_BYTES_MAX {
        return Err(ExecutorError::input(format_args!(
            "ffprobe describes the {name} video in more than {PROBE_BYTES_MAX} bytes; keep the video track alone: \
             `ffmpeg -i IN -map 0:v:0 -c copy OUT`"
        )));
    }
    let description = serde_json::from_slice::<Value>(&description).unwrap_or_default();
    let streams = description.get("streams").and_then(Value::as_array).filter(|streams| !streams.is_empty());
    let Some(streams) = streams else {
        return Err(ExecutorError::input(match log.rejected_decoder {
            Some(codec) => format!("the {name} video {}", unsupported_codec(&codec)),
            None => {
                let cause = log.first_error.unwrap_or_else(|| describe_end("ffprobe", status));
                format!("the {name} video cannot be read: {cause}")
            }
        }));
    };
    track(streams, &description)
        .map_err(|reason| ExecutorError::input(format_args!("the {name} video {reason}")))
}

/// Finds the first video track.
///
/// # Errors
/// The predicate of a sentence about the video.
fn track(streams: &[Value], description: &Value) -> Result<VideoTrack, String> {
    let text =
        |stream: &Value, name: &str| stream.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_video = |stream: &&Value| {
        let is_cover = stream.pointer("/disposition/attached_pic").and_then(Value::as_u64) == Some(1);
        text(stream, "codec_type") == "video" && !is_cover
    };
    let Some(stream) = streams.iter().find(is_video) else {
        let kinds: Vec<String> = streams.iter().map(|stream| text(stream, "codec_type")).collect();
        return Err(format!("has no video track; its tracks are: {}", kinds.join(", ")));
    };
    let codec = text(stream, "codec_name");
    if !is_decoded(&codec) {
        return Err(unsupported_codec(&codec));
    }
    let side =
        |name: &str| stream.get(name).and_then(Value::as_u64).and_then(|side| u32::try_from(side).ok());
    let coded = FrameSize { width: side("width").unwrap_or(0), height: side("height").unwrap_or(0) };
    let pixel_shape = ratio(&text(stream, "sample_aspect_ratio"), ':').unwrap_or(1.0);
    let size = coded.with_square_pixels(pixel_shape).rotated(rotation(stream));
    // A frame whose pixels are not square is scaled to more pixels.
    if let Some(FrameSize { width, height }) = [coded, size].into_iter().find(|size| !size.is_within_bounds())
    {
        return Err(format!(
            "has frames of {width} × {height} pixels; 1 to {FRAME_PIXELS_MAX} in all and up to {SIDE_MAX} per side are allowed"
        ));
    }
    let rates = ["avg_frame_rate", "r_frame_rate"].map(|name| ratio(&text(stream, name), '/'));
    let rate = rates.into_iter().flatten().find(|rate| (0.01..=1000.0).contains(rate));
    let format_duration = description.pointer("/format/duration").and_then(number);
    Ok(VideoTrack {
        index: stream.get("index").and_then(Value::as_u64).unwrap_or(0),
        size,
        rate: rate.unwrap_or(DEFAULT_RATE),
        duration: stream
            .get("duration")
            .and_then(number)
            .or(format_duration)
            .filter(|duration| *duration > 0.0),
    })
}

/// Predicate of a sentence about a video of another codec; `codec` is empty if it is unknown.
fn unsupported_codec(codec: &str) -> String {
    let codec = if codec.is_empty() { "an unknown codec".to_owned() } else { format!("the codec `{codec}`") };
    format!("uses {codec}; {} are supported", codec_names())
}

/// Rotation in degrees: a display matrix, or the tag of older versions of ffmpeg.
fn rotation(stream: &Value) -> f64 {
    let side_data = stream.get("side_data_list").and_then(Value::as_array).into_iter().flatten();
    let rotation = side_data.filter_map(|data| data.get("rotation").and_then(number)).next();
    rotation.or_else(|| stream.pointer("/tags/rotate").and_then(number)).unwrap_or(0.0)
}

/// A number, also as text.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).filter(|number: &f64| number.is_finite())
}

/// A ratio such as `30000/1001`.
fn ratio(text: &str, separator: char) -> Option<f64> {
    let (numerator, denominator) = text.split_once(separator)?;
    let (numerator, denominator): (f64, f64) = (numerator.parse().ok()?, denominator.parse().ok()?);
    Some(numerator / denominator).filter(|ratio| ratio.is_finite() && *ratio > 0.0)
}

/// Reads the output of a process to its end, at most one byte more than [`PROBE_BYTES_MAX`].
fn read_in_background(output: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // Whatever was read before an error is used. The process ends when the pipe closes.
        let _ = output.take(PROBE_BYTES_MAX + 1).read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    receiver
}

/// Facts in the log of ffprobe.
#[derive(Default)]
struct ProbeLog {
    first_error: Option<String>,
    /// Decoder of a video track that is not on the list.
    rejected_decoder: Option<String>,
}

/// Reads the log of a process to its end.
fn read_log(log: impl Read + Send + 'static) -> Receiver<ProbeLog> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut log = BufReader::new(log);
        let mut facts = ProbeLog::default();
        while let Ok(Some(line)) = next_line(&mut log) {
            facts.first_error = facts.first_error.or_else(|| error_message(&line).map(str::to_owned));
            facts.rejected_decoder =
                facts.rejected_decoder.or_else(|| rejected_decoder(&line).map(str::to_owned));
        }
        let _ = sender.send(facts);
    });
    receiver
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn described(streams: &Value) -> Result<VideoTrack, String> {
        track(streams.as_array().unwrap(), &json!({"format": {"duration": "9.5"}}))
    }

    #[test]
    fn the_first_track_that_is_neither_sound_nor_a_cover_is_described() {
        let cover = json!({"index": 1, "codec_type": "video", "codec_name": "mjpeg", "width": 9, "height": 9,
            "disposition": {"attached_pic": 1}});
        let video = json!({"index": 2, "codec_type": "video", "codec_name": "h264", "width": 720, "height": 576,
            "sample_aspect_ratio": "64:45", "avg_frame_rate": "30000/1001", "side_data_list": [{"rotation": -90}]});
        let track = described(&json!([{"index": 0, "codec_type": "audio"}, cover, video])).unwrap();
        assert_eq!((track.index, track.duration), (2, Some(9.5)));
        assert_eq!(track.size, FrameSize { width: 576, height: 1024 });
        assert!((track.rate - 29.97).abs() < 0.001);
    }

    #[test]
    fn rates_and_rotations_of_other_forms_are_read() {
        let stream = json!({"codec_type": "video", "codec_name": "vp9", "width": 4, "height": 2, "duration": "3.25",
            "avg_frame_rate": "0/0", "r_frame_rate": "1000000/1", "tags": {"rotate": "90"}});
        let track = described(&json!([stream])).unwrap();
        assert_eq!((track.rate, track.duration, track.size.height), (DEFAULT_RATE, Some(3.25), 4));
    }

    #[test]
    fn videos_that_are_not_decoded_are_errors_with_the_reason() {
        for (stream, expected) in [
            (json!({"codec_type": "audio"}), "has no video track; its tracks are: audio"),
            (json!({"codec_type": "video", "codec_name": "bink"}), "uses the codec `bink`; h264, hevc"),
            (
                json!({"codec_type": "video", "codec_name": "h264", "width": 100_000, "height": 100_000}),
                "has frames of 100000 × 100000 pixels; 1 to 33177600",
            ),
            (json!({"codec_type": "video", "codec_name": "h264"}), "has frames of 0 × 0 pixels"),
        ] {
            let error = described(&json!([stream])).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
