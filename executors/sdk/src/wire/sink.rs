//! Where messages are written to. What a message consists of is said once; a first pass over it counts the bytes, which
//! protobuf wants to know before them, a second one writes them.

use prost::encoding::{WireType, encoded_len_varint, key_len};

use crate::Tensor;

/// Something that is written as a message.
pub(super) trait Part {
    /// Writes the fields that are set.
    fn write(&self, sink: &mut impl Sink);

    /// How many bytes it takes.
    fn length(&self) -> usize {
        let mut length = Length(0);
        self.write(&mut length);
        length.0
    }
}

/// A taker of fields. Fields at their default are not written, but where the name says so.
pub(super) trait Sink: Sized {
    /// Takes the key of a field that is so many bytes long, and what stands before them.
    fn begin(&mut self, number: u32, length: usize);

    /// Takes bytes that belong to the field that was begun.
    fn put(&mut self, bytes: &[u8]);

    /// Takes a message whose length was told.
    fn part(&mut self, part: &impl Part, length: usize);

    /// Takes a number.
    fn varint(&mut self, number: u32, value: u64);

    /// Takes four or eight bytes.
    fn fixed(&mut self, number: u32, bytes: &[u8]);

    /// Takes numbers packed into one field.
    fn packed(&mut self, number: u32, values: impl Iterator<Item = u64> + Clone);

    /// A field of bytes, set or not.
    #[inline]
    fn set_bytes(&mut self, number: u32, bytes: &[u8]) {
        self.begin(number, bytes.len());
        self.put(bytes);
    }

    /// A text, unless it is empty.
    #[inline]
    fn text(&mut self, number: u32, text: &str) {
        if !text.is_empty() {
            self.set_bytes(number, text.as_bytes());
        }
    }

    /// A float that may be unset, which zero is not.
    #[inline]
    fn optional_float(&mut self, number: u32, value: Option<f32>) {
        if let Some(value) = value {
            self.fixed(number, &value.to_le_bytes());
        }
    }

    /// A number, unless it is zero.
    #[inline]
    fn number(&mut self, number: u32, value: u32) {
        if value != 0 {
            self.varint(number, value.into());
        }
    }

    /// A message.
    fn message(&mut self, number: u32, part: &impl Part) {
        let length = part.length();
        self.begin(number, length);
        self.part(part, length);
    }

    /// An array.
    fn tensor(&mut self, number: u32, tensor: &Tensor) {
        self.message(number, tensor);
    }
}

/// Counts.
struct Length(usize);

impl Sink for Length {
    fn begin(&mut self, number: u32, length: usize) {
        self.0 += key_len(number) + encoded_len_varint(length as u64);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    fn part(&mut self, _: &impl Part, length: usize) {
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

/// The key of a field.
pub(super) fn key(number: u32, wire: WireType) -> u64 {
    u64::from(number << 3 | wire as u32)
}

/// Room behind a message, so that small numbers near its end can be stored as the others are.
pub(super) const SLACK: usize = 16;

/// Appends varints, seven bits a byte, the least first: the key of a field and what it says first, in fifteen bytes at the
/// most. prost appends byte by byte through `BufMut`, which takes several times as long; documents with a vector each are
/// mostly such small numbers around one large copy.
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
    // As many bytes each time: a few registers, not a call.
    let length = bytes.len() + width / 8;
    bytes.extend_from_slice(&bits.to_le_bytes());
    bytes.truncate(length);
}

impl Sink for Vec<u8> {
    #[inline]
    fn begin(&mut self, number: u32, length: usize) {
        push_varints(self, [key(number, WireType::LengthDelimited), length as u64]);
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    #[inline]
    fn part(&mut self, part: &impl Part, _: usize) {
        part.write(self);
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
