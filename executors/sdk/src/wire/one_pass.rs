//! Documents as a message in one pass, for messages that go no further than to the other side of a boundary: lengths are
//! filled in behind what they are the lengths of, in as many bytes as a large one takes. Any reader of protobuf takes it; what
//! is kept or sent is written by [`super::sink`] alone, so that equal documents are equal bytes.

use prost::encoding::WireType;

use super::sink::{Part, SLACK, Sink, key, push_varints};
use crate::{DataType, Documents, Tensor};

/// The documents as a message that lists them.
pub(super) fn written_once(documents: &Documents) -> Vec<u8> {
    let mut message = OnePass(Vec::with_capacity(documents.memory_bytes() + SLACK));
    documents.iter().for_each(|document| message.message(1, document));
    message.0
}

/// Takes fields as a `Vec` does, and messages and vectors in a way of its own.
struct OnePass(Vec<u8>);

/// A length below 2³⁵, in as many bytes whatever it is.
fn padded(length: usize) -> [u8; 5] {
    let seven = |position: usize| (length >> (7 * position)) as u8 & 0x7f;
    [seven(0) | 0x80, seven(1) | 0x80, seven(2) | 0x80, seven(3) | 0x80, seven(4)]
}

/// The key of a field, if it is below 128, and its length.
fn field(key: u8, length: usize) -> [u8; 6] {
    let [a, b, c, d, e] = padded(length);
    [key, a, b, c, d, e]
}

impl Sink for OnePass {
    #[inline]
    fn begin(&mut self, number: u32, length: usize) {
        self.0.begin(number, length);
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.0.put(bytes);
    }

    #[inline]
    fn part(&mut self, part: &impl Part, _: usize) {
        part.write(self);
    }

    #[inline]
    fn varint(&mut self, number: u32, value: u64) {
        self.0.varint(number, value);
    }

    #[inline]
    fn fixed(&mut self, number: u32, bytes: &[u8]) {
        self.0.fixed(number, bytes);
    }

    fn packed(&mut self, number: u32, values: impl Iterator<Item = u64> + Clone) {
        self.0.packed(number, values);
    }

    fn message(&mut self, number: u32, part: &impl Part) {
        push_varints(&mut self.0, [key(number, WireType::LengthDelimited)]);
        let place = self.0.len();
        self.0.extend_from_slice(&padded(0));
        let start = self.0.len();
        part.write(self);
        let length = self.0.len() - start;
        if let Some(place) = self.0.get_mut(place..).and_then(<[u8]>::first_chunk_mut) {
            *place = padded(length);
        }
    }

    /// Vectors are most of what is written, and what stands around their elements is the same bytes each time, save for the
    /// lengths: field by field it would take as long as the elements do.
    fn tensor(&mut self, number: u32, tensor: &Tensor) {
        // An array's fields: elements, a shape of one number in five bytes, the name of the type; behind it that of the framework.
        const ARRAY: u8 = 0x0a;
        const ELEMENTS: u8 = 0x0a;
        const SHAPE: [u8; 2] = [0x12, 5];
        const TYPE: &[u8; 5] = b"\x1a\x03<f4";
        const FRAMEWORK: &[u8; 7] = b"\x1a\x05numpy";
        let (&[side], DataType::FLOAT32) = (tensor.shape(), tensor.data_type()) else {
            return self.message(number, tensor);
        };
        let elements = tensor.data();
        let (elements_field, side) = (field(ELEMENTS, elements.len()), padded(side));
        let array = elements_field.len() + elements.len() + SHAPE.len() + side.len() + TYPE.len();
        let array_field = field(ARRAY, array);
        let Self(bytes) = self;
        push_varints(bytes, [key(number, WireType::LengthDelimited)]);
        bytes.extend_from_slice(&padded(array_field.len() + array + FRAMEWORK.len()));
        bytes.extend_from_slice(&array_field);
        bytes.extend_from_slice(&elements_field);
        bytes.extend_from_slice(elements);
        bytes.extend_from_slice(&SHAPE);
        bytes.extend_from_slice(&side);
        bytes.extend_from_slice(TYPE);
        bytes.extend_from_slice(FRAMEWORK);
    }
}
