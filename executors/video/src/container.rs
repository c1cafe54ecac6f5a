//! Container formats of videos, detected from the first bytes of a file.
//!
//! The name of a file does not matter. The demuxer of the detected format is forced, so that ffmpeg tries no other; formats that
//! refer to other files or hosts (playlists, manifests, image sequences) have none here.

use flowrun_sdk::ExecutorError;

/// Formats for messages.
pub(crate) const SUPPORTED: &str = "MP4, QuickTime, Matroska, WebM, AVI and MPEG-TS videos, and animated GIF, WebP and PNG \
                                    pictures are supported";

/// A container format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    Mp4,
    QuickTime,
    Matroska,
    WebM,
    Avi,
    MpegTs,
}

/// Signatures of other formats: offset, bytes, and the name for the error message.
const UNSUPPORTED: &[(usize, &[u8], &str)] = &[
    (0, b"#EXTM3U", "an HLS playlist, which refers to other files"),
    (0, b"ffconcat", "a playlist of ffmpeg, which refers to other files"),
    (0, b"[playlist]", "a PLS playlist, which refers to other files"),
    (0, b"<?xml", "an XML document, such as a DASH manifest"),
    (0, b"<MPD", "a DASH manifest, which refers to other files"),
    (0, b"v=0", "an SDP session description, which refers to a host"),
    (0, b"\x30\x26\xb2\x75", "a Windows Media file"),
    (0, b"FLV", "a Flash video"),
    (0, b"OggS", "an Ogg file"),
    (0, b"\0\0\x01\xba", "an MPEG program stream"),
    (0, b"ID3", "an MP3 file"),
    (0, b"%PDF", "a PDF document"),
    (4, b"ftypavif", "an AVIF picture"),
    (4, b"ftypheic", "an HEIC picture"),
    (4, b"ftypheix", "an HEIC picture"),
    (4, b"ftypmif1", "an HEIF picture"),
    (0, b"PK\x03\x04", "a ZIP archive"),
];

/// Types of the first box of MP4 and QuickTime files.
const FIRST_BOXES: [&[u8; 4]; 7] = [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"];

/// Length of an MPEG-TS packet in bytes, and of one with the time stamp of Blu-ray discs before it.
const TS_PACKETS: [(usize, usize); 2] = [(0, 188), (4, 192)];

/// Consecutive packets that begin with MPEG-TS's sync byte.
const TS_PACKETS_CHECKED: usize = 3;

impl Container {
    /// Detects the format of a file from its first bytes.
    ///
    /// # Errors
    /// The name of another format, or the first bytes.
    pub(crate) fn detect(head: &[u8]) -> Result<Self, ExecutorError> {
        let has = |offset: usize, signature: &[u8]| {
            head.get(offset..).is_some_and(|rest| rest.starts_with(signature))
        };
        match head {
            [] => Err(ExecutorError::input("the content is empty")),
            _ if known_unsupported(head).is_some() => Err(unsupported(head)),
            _ if has(4, b"ftypqt  ") => Ok(Self::QuickTime),
            _ if FIRST_BOXES.iter().any(|name| has(4, *name)) => Ok(Self::Mp4),
            _ if has(0, b"\x1a\x45\xdf\xa3") => {
                // The document type is in the first element, within its first hundred bytes.
                let start = head.get(..100).unwrap_or(head);
                let is_webm = start.windows(4).any(|window| window == b"webm");
                Ok(if is_webm { Self::WebM } else { Self::Matroska })
            }
            _ if has(0, b"RIFF") && has(8, b"AVI ") => Ok(Self::Avi),
            _ if is_mpeg_ts(head) => Ok(Self::MpegTs),
            _ => Err(unsupported(head)),
        }
    }

    /// ffmpeg's demuxer.
    pub(crate) fn demuxer(self) -> &'static str {
        match self {
            Self::Mp4 | Self::QuickTime => "mov",
            Self::Matroska | Self::WebM => "matroska",
            Self::Avi => "avi",
            Self::MpegTs => "mpegts",
        }
    }

    /// The media type.
    pub(crate) fn mime_type(self) -> &'static str {
        match self {
            Self::Mp4 => "video/mp4",
            Self::QuickTime => "video/quicktime",
            Self::Matroska => "video/x-matroska",
            Self::WebM => "video/webm",
            Self::Avi => "video/x-msvideo",
            Self::MpegTs => "video/mp2t",
        }
    }

    /// Name for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mp4 => "MP4",
            Self::QuickTime => "QuickTime",
            Self::Matroska => "Matroska",
            Self::WebM => "WebM",
            Self::Avi => "AVI",
            Self::MpegTs => "MPEG-TS",
        }
    }
}

fn is_mpeg_ts(head: &[u8]) -> bool {
    const SYNC: u8 = 0x47;
    TS_PACKETS.iter().any(|&(offset, length)| {
        let mut packets = (0..TS_PACKETS_CHECKED).map(|number| head.get(offset + number * length));
        packets.all(|byte| byte == Some(&SYNC))
    })
}

/// Name of a known format that is not supported.
fn known_unsupported(head: &[u8]) -> Option<&'static str> {
    let is_at =
        |offset: usize, signature: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(signature));
    let known = UNSUPPORTED.iter().find(|(offset, signature, _)| is_at(*offset, signature));
    known.map(|(_, _, name)| *name)
}

fn unsupported(head: &[u8]) -> ExecutorError {
    const SHOWN: usize = 16;
    let start = || -> String {
        head.iter().take(SHOWN).flat_map(|byte| byte.escape_ascii()).map(char::from).collect()
    };
    let name = known_unsupported(head)
        .map_or_else(|| format!("not a video: it begins with `{}`", start()), str::to_owned);
    ExecutorError::input(format_args!("the content is {name}; {SUPPORTED}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_determines_the_format() {
        let ts = |offset: usize, length: usize| {
            let packet = [vec![0; offset], vec![0x47], vec![0; length - offset - 1]].concat();
            packet.repeat(3)
        };
        for (head, expected) in [
            (b"\0\0\0\x20ftypisom".to_vec(), Container::Mp4),
            (b"\0\0\0\x14ftypqt  ".to_vec(), Container::QuickTime),
            (b"\0\0\0\x08wide\0\0\0\0mdat".to_vec(), Container::Mp4),
            (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm".to_vec(), Container::WebM),
            (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska".to_vec(), Container::Matroska),
            (b"RIFF\0\0\0\0AVI LIST".to_vec(), Container::Avi),
            (ts(0, 188), Container::MpegTs),
            (ts(4, 192), Container::MpegTs),
        ] {
            assert_eq!(Container::detect(&head).unwrap(), expected, "{}", head.escape_ascii());
        }
    }

    #[test]
    fn playlists_are_named_and_other_content_is_shown() {
        for (head, expected) in [
            (&b""[..], "the content is empty"),
            (
                &b"#EXTM3U\nhttp://host/a.ts"[..],
                "the content is an HLS playlist, which refers to other files; ",
            ),
            (
                &b"ffconcat version 1.0\nfile /etc/passwd"[..],
                "the content is a playlist of ffmpeg, which refers",
            ),
            (&b"\0\0\0\x20ftypavif"[..], "the content is an AVIF picture; MP4"),
            (&b"\0\0\0\0\0\0\0\0"[..], "the content is not a video: it begins with `\\x00\\x00"),
        ] {
            let error = Container::detect(head).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
