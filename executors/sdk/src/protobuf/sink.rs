//! Two-pass encoding: the fields of a message are listed once ([`Encode`]) and sent to one of several sinks.
//!
//! Protobuf puts the length of a nested message before it. A first pass over the fields counts bytes, a second pass
//! writes them. [`one_pass`](super::one_pass) has a sink that needs no first pass.

use prost::encoding::{WireType, encoded_len_varint, key_len};

use crate::Tensor;

/// A value that is encoded as a message.
pub(super) trait Encode {
    /// Sends the fields that are set to `sink`.
    fn encode(&self, sink: &mut impl FieldSink);

    /// Length of the encoded message in bytes.
    fn encoded_length(&self) -> usize {
        let mut length = Length(0);
        self.encode(&mut length);
        length.0
    }
}

/// A receiver of encoded fields.
pub(super) trait FieldSink: Sized {
    /// Receives key and length of a length-delimited field, whose content follows.
    fn begin(&mut self, number: u32, length: usize);

    /// Receives content of the field that was begun.
    fn put(&mut self, bytes: &[u8]);

    /// Receives a message as content of the field that was begun with `length`.
    fn put_message(&mut self, message: &impl Encode, length: usize);

    /// Receives an integer.
    fn varint(&mut self, number: u32, value: u64);

    /// Receives a number of four or eight bytes.
    fn fixed(&mut self, number: u32, bytes: &[u8]);

    /// Receives integers packed into one field.
    fn packed(&mut self, number: u32, values: impl Iterator<Item = u64> + Clone);

    /// Receives bytes or a string, even if it is empty.
    #[inline]
    fn bytes(&mut self, number: u32, bytes: &[u8]) {
        self.begin(number, bytes.len());
        self.put(bytes);
    }

    /// Receives a string, unless it is empty.
    #[inline]
    fn string(&mut self, number: u32, text: &str) {
        if !text.is_empty() {
            self.bytes(number, text.as_bytes());
        }
    }

    /// Receives a float with explicit presence: zero differs from unset.
    #[inline]
    fn optional_float(&mut self, number: u32, value: Option<f32>) {
        if let Some(value) = value {
            self.fixed(number, &value.to_le_bytes());
        }
    }

    /// Receives an integer, unless it is zero.
    #[inline]
    fn uint32(&mut self, number: u32, value: u32) {
        if value != 0 {
            self.varint(number, value.into());
        }
    }

    /// Receives a nested message.
    fn message(&mut self, number: u32, message: &impl Encode) {
        let length = message.encoded_length();
        self.begin(number, length);
        self.put_message(message, length);
    }

    /// Receives an array.
    fn tensor(&mut self, number: u32, tensor: &Tensor) {
        self.message(number, tensor);
    }
}

/// Counts bytes.
struct Length(usize);

impl FieldSink for Length {
    fn begin(&mut self, number: u32, length: usize) {
        self.0 += key_len(number) + encoded_len_varint(length as u64);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    fn put_message(&mut self, _: &impl Encode, length: usize) {
        self.0 += length;
    }

    fn varint(&mut self, number: u32, value: u64) {
        self.0 += key_len(number) + encoded_len_varint(value);
    }

    fn fixed(&mut self, number: u32, bytes: &[u8]) {
        self.0 += key_len(number) + bytes.len();
    }

    fn packed(&mut self, number: u32, values: impl Iterator<Item = u64> + Clone) {
        let length = values.map(encoded_len_varint).sum();
        self.begin(number, length);
        self.0 += length;
    }
}

/// Encodes number and wire type of a field.
pub(super) fn key(number: u32, wire: WireType) -> u64 {
    u64::from(number << 3 | wire as u32)
}

/// Spare capacity after a message, so that [`push_varints`] never reallocates near its end.
pub(super) const SLACK: usize = 16;

/// Appends up to fifteen bytes of varints: seven bits per byte, the least significant first.
///
/// prost appends byte by byte through `BufMut`, which is several times slower; documents with a vector each consist of
/// such small numbers around one large copy.
#[inline]
pub(super) fn push_varints<const COUNT: usize>(bytes: &mut Vec<u8>, values: [u64; COUNT]) {
    let (mut bits, mut width) = (0_u128, 0);
    for mut value in values {
        while value >= 0x80 {
            bits |= u128::from(value as u8 | 0x80) << width;
            value >>= 7;
            width += 8;
        }
        bits |= u128::from(value) << width;
        width += 8;
    }
    // A copy of constant size compiles to a few register moves instead of a call.
    let length = bytes.len() + width / 8;
    bytes.extend_from_slice(&bits.to_le_bytes());
    bytes.truncate(length);
}

impl FieldSink for Vec<u8> {
    #[inline]
    fn begin(&mut self, number: u32, length: usize) {
        push_varints(self, [key(number, WireType::LengthDelimited), length as u64]);
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    #[inline]
    fn put_message(&mut self, message: &impl Encode, _: usize) {
        message.encode(self);
    }

    #[inline]
    fn varint(&mut self, number: u32, value: u64) {
        push_varints(self, [key(number, WireType::Varint), value]);
    }

    #[inline]
    fn fixed(&mut self, number: u32, bytes: &[u8]) {
        let wire = if bytes.len() == 4 { WireType::ThirtyTwoBit } else { WireType::SixtyFourBit };
        push_varints(self, [key(number, wire)]);
        self.extend_from_slice(bytes);
    }

    fn packed(&mut self, number: u32, values: impl Iterator<Item = u64> + Clone) {
        self.begin(number, values.clone().map(encoded_len_varint).sum());
        values.for_each(|value| push_varints(self, [value]));
    }
}
