//! One-pass encoding, for messages that only cross the boundary to a plugin.
//!
//! Lengths are filled in after the message that they measure, padded to five bytes. Every protobuf decoder accepts that,
//! but the encoding is not canonical: messages that are stored or sent are encoded by [`sink`](super::sink), so that
//! equal documents have equal bytes.

use prost::encoding::WireType;

use super::sink::{Encode, FieldSink, SLACK, key, push_varints};
use crate::{DataType, Documents, Tensor};

/// Encodes a list of documents.
pub(super) fn encode_list(documents: &Documents) -> Vec<u8> {
    let mut message = OnePass(Vec::with_capacity(documents.memory_bytes() + SLACK));
    documents.iter().for_each(|document| message.message(1, document));
    message.0
}

/// Writes messages and vectors with padded lengths, and other fields like a `Vec`.
struct OnePass(Vec<u8>);

/// Encodes a length below 2³⁵ in five bytes.
fn padded(length: usize) -> [u8; 5] {
    let seven = |position: usize| (length >> (7 * position)) as u8 & 0x7f;
    [seven(0) | 0x80, seven(1) | 0x80, seven(2) | 0x80, seven(3) | 0x80, seven(4)]
}

/// Encodes a key below 128 and a padded length.
fn padded_field(key: u8, length: usize) -> [u8; 6] {
    let [a, b, c, d, e] = padded(length);
    [key, a, b, c, d, e]
}

impl FieldSink for OnePass {
    #[inline]
    fn begin(&mut self, number: u32, length: usize) {
        self.0.begin(number, length);
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.0.put(bytes);
    }

    #[inline]
    fn put_message(&mut self, message: &impl Encode, _: usize) {
        message.encode(self);
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

    fn message(&mut self, number: u32, message: &impl Encode) {
        push_varints(&mut self.0, [key(number, WireType::LengthDelimited)]);
        let position = self.0.len();
        self.0.extend_from_slice(&padded(0));
        let start = self.0.len();
        message.encode(self);
        let length = self.0.len() - start;
        if let Some(padding) = self.0.get_mut(position..).and_then(<[u8]>::first_chunk_mut) {
            *padding = padded(length);
        }
    }

    /// Vectors dominate, and the bytes around their elements are the same each time except for the lengths: encoding them
    /// field by field would take as long as copying the elements.
    fn tensor(&mut self, number: u32, tensor: &Tensor) {
        // Fields of an array: elements, a shape of one number in five bytes, data type; then the framework.
        const ARRAY: u8 = 0x0a;
        const ELEMENTS: u8 = 0x0a;
        const SHAPE: [u8; 2] = [0x12, 5];
        const TYPE: &[u8; 5] = b"\x1a\x03<f4";
        const FRAMEWORK: &[u8; 7] = b"\x1a\x05numpy";
        let (&[size], DataType::FLOAT32) = (tensor.shape(), tensor.data_type()) else {
            return self.message(number, tensor);
        };
        let elements = tensor.data();
        let (elements_field, size) = (padded_field(ELEMENTS, elements.len()), padded(size));
        let array = elements_field.len() + elements.len() + SHAPE.len() + size.len() + TYPE.len();
        let array_field = padded_field(ARRAY, array);
        let Self(bytes) = self;
        push_varints(bytes, [key(number, WireType::LengthDelimited)]);
        bytes.extend_from_slice(&padded(array_field.len() + array + FRAMEWORK.len()));
        bytes.extend_from_slice(&array_field);
        bytes.extend_from_slice(&elements_field);
        bytes.extend_from_slice(elements);
        bytes.extend_from_slice(&SHAPE);
        bytes.extend_from_slice(&size);
        bytes.extend_from_slice(TYPE);
        bytes.extend_from_slice(FRAMEWORK);
    }
}
