//! Where messages are written to. What a message consists of is said once; a first pass over it counts the bytes, which
//! protobuf wants to know before them, a second one writes them.

use prost::encoding::{WireType, encoded_len_varint, key_len};

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
    fn set_bytes(&mut self, number: u32, bytes: &[u8]) {
        self.begin(number, bytes.len());
        self.put(bytes);
    }

    /// A text, unless it is empty.
    fn text(&mut self, number: u32, text: &str) {
        if !text.is_empty() {
            self.set_bytes(number, text.as_bytes());
        }
    }

    /// A float that may be unset, which zero is not.
    fn optional_float(&mut self, number: u32, value: Option<f32>) {
        if let Some(value) = value {
            self.fixed(number, &value.to_le_bytes());
        }
    }

    /// A number, unless it is zero.
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
fn key(number: u32, wire: WireType) -> u64 {
    u64::from(number << 3 | wire as u32)
}

/// Appends seven bits a byte, the least first. prost does it through `BufMut`, which takes several times as long for a
/// vector; documents with a vector each are mostly such small numbers around one large copy.
#[inline]
fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

impl Sink for Vec<u8> {
    fn begin(&mut self, number: u32, length: usize) {
        push_varint(self, key(number, WireType::LengthDelimited));
        push_varint(self, length as u64);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn part(&mut self, part: &impl Part, _: usize) {
        part.write(self);
    }

    fn varint(&mut self, number: u32, value: u64) {
        push_varint(self, key(number, WireType::Varint));
        push_varint(self, value);
    }

    fn fixed(&mut self, number: u32, bytes: &[u8]) {
        let wire = if bytes.len() == 4 { WireType::ThirtyTwoBit } else { WireType::SixtyFourBit };
        push_varint(self, key(number, wire));
        self.extend_from_slice(bytes);
    }

    fn packed(&mut self, number: u32, values: impl Iterator<Item = u64> + Clone) {
        self.begin(number, values.clone().map(encoded_len_varint).sum());
        values.for_each(|value| push_varint(self, value));
    }
}
