//! Decompression of received messages, the same for gRPC and HTTP.
//!
//! A few bytes can decompress to any number. The output is produced in parts: each part takes capacity of the gateway
//! before it is allocated, the output has a maximum in all and in relation to the input, and everything beyond
//! [`LARGE_MESSAGE_BYTES`] is decompressed on a blocking thread.

use std::io::Read as _;
use std::sync::Arc;

use bytes::buf::Reader;
use bytes::{Buf as _, Bytes};
use flate2::bufread::{MultiGzDecoder, ZlibDecoder};

use super::bytes_permit::{BytesPermit, bytes_exceeded};
use super::offload::offload;
use super::request::Rejection;
use crate::limits::{
    DECOMPRESSED_BYTES_FREE, DECOMPRESSION_RATIO_MAX, LARGE_MESSAGE_BYTES, MESSAGE_BYTES_MAX,
};
use crate::topology::format_bytes;

/// Bytes of the first part of the output.
const FIRST_PART_BYTES: usize = 16 << 10;

/// A content coding that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// RFC 1952.
    Gzip,
    /// The zlib format, RFC 1950.
    Deflate,
}

impl Coding {
    /// Names of all codings, as in `accept-encoding`.
    pub(super) const NAMES: &'static str = "gzip, deflate, identity";

    /// The coding with that name; `None` inside for `identity`.
    ///
    /// # Errors
    /// The name of a coding that is not supported.
    pub(super) fn from_name(name: &str) -> Result<Option<Self>, &str> {
        match name.trim() {
            name if name.is_empty() || name.eq_ignore_ascii_case("identity") => Ok(None),
            name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => {
                Ok(Some(Self::Gzip))
            }
            name if name.eq_ignore_ascii_case("deflate") => Ok(Some(Self::Deflate)),
            name => Err(name),
        }
    }
}

/// Reaction to a lack of capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnFull {
    /// The message is rejected.
    Reject,
    /// The message, one of a stream, waits for capacity.
    Wait,
}

/// Decompresses a message. `permit` holds the capacity for the compressed message; afterwards it holds that for the
/// output instead.
///
/// # Errors
/// [`Rejection::Invalid`] for damaged input, [`Rejection::TooLarge`] beyond the maximum, and [`Rejection::Overloaded`]
/// without capacity.
pub(super) async fn decompress(
    coding: Coding,
    compressed: Bytes,
    permit: &Arc<BytesPermit>,
    on_full: OnFull,
) -> Result<Bytes, Rejection> {
    let mut inflating = Inflating::new(coding, compressed, permit);
    let mut state = inflating.step(LARGE_MESSAGE_BYTES)?;
    loop {
        match state {
            State::Done => return Ok(inflating.finish()),
            State::Full { needed } if on_full == OnFull::Wait => permit.grow_for_stream(needed).await?,
            State::Full { .. } => return Err(bytes_exceeded()),
            State::More => {}
        }
        let stepped = offload(move || {
            let state = inflating.step(usize::MAX);
            (inflating, state)
        });
        let result;
        (inflating, result) = stepped.await?;
        state = result?;
    }
}

enum Decoder {
    Gzip(Box<MultiGzDecoder<Reader<Bytes>>>),
    Deflate(ZlibDecoder<Reader<Bytes>>),
}

/// State of a decompression.
#[derive(Debug, PartialEq, Eq)]
enum State {
    /// The output is complete.
    Done,
    /// There may be more output.
    More,
    /// The permit has to grow to `needed` bytes first.
    Full { needed: usize },
}

/// A decompression in progress.
struct Inflating {
    decoder: Decoder,
    output: Vec<u8>,
    /// Bytes of `output` that are decompressed.
    length: usize,
    output_max: usize,
    compressed: usize,
    /// Bytes of the permit for the compressed message.
    held: usize,
    permit: Arc<BytesPermit>,
}

impl Inflating {
    fn new(coding: Coding, compressed: Bytes, permit: &Arc<BytesPermit>) -> Self {
        let length = compressed.len();
        let by_ratio = length.saturating_mul(DECOMPRESSION_RATIO_MAX).max(DECOMPRESSED_BYTES_FREE);
        let input = compressed.reader();
        Self {
            decoder: match coding {
                Coding::Gzip => Decoder::Gzip(MultiGzDecoder::new(input).into()),
                Coding::Deflate => Decoder::Deflate(ZlibDecoder::new(input)),
            },
            output: Vec::new(),
            length: 0,
            output_max: by_ratio.min(MESSAGE_BYTES_MAX),
            compressed: length,
            held: permit.bytes(),
            permit: Arc::clone(permit),
        }
    }

    /// Decompresses until the output has more than `pause_at` bytes, or is complete.
    fn step(&mut self, pause_at: usize) -> Result<State, Rejection> {
        loop {
            if self.length == self.output.len() {
                if self.length > pause_at {
                    return Ok(State::More);
                }
                if let Some(needed) = self.grow()? {
                    return Ok(State::Full { needed });
                }
            }
            let free = self.output.get_mut(self.length..).unwrap_or_default();
            let read = match &mut self.decoder {
                Decoder::Gzip(decoder) => decoder.read(free),
                Decoder::Deflate(decoder) => decoder.read(free),
            };
            match read {
                Ok(0) => return Ok(State::Done),
                Ok(read) => self.length += read,
                Err(error) => {
                    return Err(Rejection::Invalid(format!("the message cannot be decompressed: {error}")));
                }
            }
        }
    }

    /// Doubles the output. Returns the bytes that the permit needs first if they are not available.
    fn grow(&mut self) -> Result<Option<usize>, Rejection> {
        // One byte beyond the maximum shows that there is more.
        if self.length > self.output_max {
            return Err(self.too_large());
        }
        let length = (2 * self.length).clamp(FIRST_PART_BYTES, self.output_max + 1);
        // While it grows, both parts are in memory.
        let needed = self.held + self.length + length;
        if self.permit.try_grow_to(needed).is_err() {
            return Ok(Some(needed));
        }
        self.output.reserve_exact(length - self.length);
        self.output.resize(length, 0);
        self.permit.shrink_to(self.held + length);
        Ok(None)
    }

    fn too_large(&self) -> Rejection {
        let (compressed, max) = (format_bytes(self.compressed), format_bytes(self.output_max));
        let reason = if self.output_max == MESSAGE_BYTES_MAX {
            "the maximum of a message".to_owned()
        } else {
            format!("{DECOMPRESSION_RATIO_MAX} times its compressed size of {compressed}")
        };
        Rejection::TooLarge(format!(
            "decompressed, the message has more than {max}, {reason}; send fewer documents at a time, or send them \
            uncompressed"
        ))
    }

    fn finish(mut self) -> Bytes {
        self.output.truncate(self.length);
        self.output.shrink_to_fit();
        self.permit.shrink_to(self.length);
        self.output.into()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;
    use crate::gateway::admission::Admission;

    fn gzip(bytes: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap().into()
    }

    fn received(admission: &Admission, compressed: &Bytes) -> Arc<BytesPermit> {
        let permit = Arc::new(admission.bytes_permit());
        permit.try_grow_to(compressed.len()).unwrap();
        permit
    }

    /// Bytes that hardly compress.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let next = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        next.take(length).collect()
    }

    #[tokio::test]
    async fn messages_of_every_size_are_decompressed_and_hold_their_size() {
        let admission = Admission::new(1, 0);
        for length in [0, 1, FIRST_PART_BYTES, LARGE_MESSAGE_BYTES + 1, 3 * LARGE_MESSAGE_BYTES] {
            let plain = noise(length);
            let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
            zlib.write_all(&plain).unwrap();
            let compressed = [(Coding::Gzip, gzip(&plain)), (Coding::Deflate, zlib.finish().unwrap().into())];
            for (coding, compressed) in compressed {
                let permit = received(&admission, &compressed);
                let output = decompress(coding, compressed, &permit, OnFull::Reject).await.unwrap();
                assert!(output == plain, "{coding:?} {length}");
                assert!(permit.bytes() >= length && permit.bytes() < length + 4096);
            }
        }
    }

    #[tokio::test]
    async fn output_is_bounded_in_relation_to_the_input() {
        let admission = Admission::new(1, 0);
        let uniform = gzip(&vec![0; DECOMPRESSED_BYTES_FREE]);
        let permit = received(&admission, &uniform);
        let output = decompress(Coding::Gzip, uniform, &permit, OnFull::Reject).await.unwrap();
        assert_eq!(output.len(), DECOMPRESSED_BYTES_FREE);
        let bomb = gzip(&vec![0; DECOMPRESSED_BYTES_FREE + 1]);
        let permit = received(&admission, &bomb);
        let error = decompress(Coding::Gzip, bomb, &permit, OnFull::Wait).await.unwrap_err();
        assert!(matches!(&error, Rejection::TooLarge(message) if message.contains("4 MiB")), "{error}");
    }

    #[tokio::test]
    async fn output_takes_capacity_before_it_is_allocated() {
        let admission = Admission::new(1, 0);
        let plain = noise(LARGE_MESSAGE_BYTES);
        let compressed = gzip(&plain);
        let permit = received(&admission, &compressed);
        let others = admission.capacity.fill(LARGE_MESSAGE_BYTES / 4096 * 4096);
        let rejected = decompress(Coding::Gzip, compressed.clone(), &permit, OnFull::Reject).await;
        assert!(matches!(rejected, Err(Rejection::Overloaded(_))));
        let waiting = tokio::spawn(async move {
            decompress(Coding::Gzip, compressed, &permit, OnFull::Wait).await.map(|output| output.len())
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(others);
        assert_eq!(waiting.await.unwrap(), Ok(plain.len()));
    }

    #[tokio::test]
    async fn damaged_input_is_invalid() {
        let admission = Admission::new(1, 0);
        let whole = gzip(&noise(10_000));
        for damaged in
            [whole.slice(..whole.len() / 2), Bytes::from_static(b"\x1f\x8b"), Bytes::from_static(b"{}")]
        {
            let permit = received(&admission, &damaged);
            let error = decompress(Coding::Gzip, damaged, &permit, OnFull::Reject).await.unwrap_err();
            assert!(matches!(error, Rejection::Invalid(_)), "{error}");
        }
    }
}
