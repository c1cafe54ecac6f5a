//! Validates a list of documents and measures it, without decoding it.
//!
//! A list that passes through is never decoded, so it has to be known in advance that it can be, and how much memory
//! that would take. Accepts exactly the messages that [`Decoder`] accepts.

use serde_json::Value;

use super::decode::{ArrayDecoder, Decoder, map_entry, score};
use super::error::WireError;
use super::field_reader::{Field, FieldReader};
use crate::{Document, NamedScore};

/// Properties of an encoded list of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListSummary {
    /// Number of documents at the top level.
    pub(super) count: usize,
    /// `true` if all of them have an id.
    pub(super) all_have_ids: bool,
    /// Upper bound of [`Documents::memory_bytes`](crate::Documents::memory_bytes); exact unless a field is repeated.
    pub(super) memory_bytes: usize,
}

impl Decoder<'_> {
    /// Summarizes the list that [`Decoder::list`] would decode.
    pub(super) fn scan_list(self, list: &[u8]) -> Result<ListSummary, WireError> {
        let mut summary = ListSummary { count: 0, all_have_ids: true, memory_bytes: 0 };
        for field in FieldReader::new(list) {
            if let (1, document) = field? {
                let (has_id, bytes) = self.deeper()?.scan_document(document.bytes()?)?;
                summary.count += 1;
                summary.all_have_ids &= has_id;
                summary.memory_bytes += bytes;
            }
        }
        Ok(summary)
    }

    /// Returns whether the document has an id, and its size in memory.
    fn scan_document(self, message: &[u8]) -> Result<(bool, usize), WireError> {
        let (mut has_id, mut bytes) = (false, size_of::<Document>());
        let (mut tensor, mut embedding) = (ArrayDecoder::default(), ArrayDecoder::default());
        for field in FieldReader::new(message) {
            let (number, field) = field?;
            match number {
                1 => {
                    let id = field.str()?;
                    has_id = !id.is_empty();
                    bytes += id.len();
                }
                2 => bytes += field.bytes()?.len(),
                3 => tensor.merge(field.bytes()?)?,
                4 | 7 | 9 | 10 | 11 => bytes += field.str()?.len(),
                5 | 6 => _ = field.uint32()?,
                8 | 12 => _ = field.float()?,
                13 => scan_floats(field)?,
                14 | 15 => bytes += self.deeper()?.scan_document(field.bytes()?)?.1,
                16 => embedding.merge(field.bytes()?)?,
                17 => bytes += self.deeper()?.scan_object(field.bytes()?)?,
                18 => {
                    map_entry(field.bytes()?, score)?;
                    bytes += size_of::<(String, NamedScore)>();
                }
                _ => {}
            }
        }
        for array in [tensor, embedding] {
            bytes += array.finish(self)?.map_or(0, |tensor| tensor.data().len());
        }
        Ok((has_id, bytes))
    }

    /// Returns the size of the entries of an object in memory.
    fn scan_object(self, message: &[u8]) -> Result<usize, WireError> {
        let mut bytes = 0;
        for field in FieldReader::new(message) {
            if let (1, field) = field? {
                let (name, value) = map_entry(field.bytes()?, |value| self.deeper()?.scan_value(value))?;
                bytes += name.len() + value.unwrap_or(size_of::<Value>());
            }
        }
        Ok(bytes)
    }

    fn scan_value(self, message: &[u8]) -> Result<usize, WireError> {
        let mut bytes = size_of::<Value>();
        for field in FieldReader::new(message) {
            match field? {
                (1 | 4, field) => _ = field.uint32()?,
                (2, field) => _ = field.double()?,
                (3, field) => bytes += field.str()?.len(),
                (5, field) => bytes += self.deeper()?.scan_object(field.bytes()?)?,
                (6, field) => {
                    let items = self.deeper()?;
                    for item in FieldReader::new(field.bytes()?) {
                        if let (1, item) = item? {
                            bytes += items.deeper()?.scan_value(item.bytes()?)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(bytes)
    }
}

fn scan_floats(field: Field<'_>) -> Result<(), WireError> {
    match field {
        Field::Bytes(packed) if packed.len().is_multiple_of(4) => Ok(()),
        Field::Bytes(_) => Err(WireError::Truncated),
        single => single.float().map(|_| ()),
    }
}
