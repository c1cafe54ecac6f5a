//! Validates a list of documents and measures it, without decoding it.
//!
//! A list that no executor reads is never decoded. Its validity, and the memory that decoding would take, must still be
//! known in advance. The scan accepts exactly the messages that [`Decoder`] accepts, and allocates nothing that grows with
//! them.

use serde_json::Value;

use super::decode::{ArrayDecoder, Decoder, map_entry, score};
use super::error::WireError;
use super::field_reader::{Field, FieldReader};
use crate::documents::LIST_BYTES;
use crate::{Document, memory};

/// Properties of an encoded list of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListSummary {
    /// Number of documents at the top level.
    pub(super) count: usize,
    /// Number of documents at all levels.
    pub(super) documents: usize,
    /// `true` if all documents at the top level have an id.
    pub(super) all_have_ids: bool,
    /// Upper bound of [`Documents::memory_bytes`](crate::Documents::memory_bytes); exact unless a field is repeated.
    pub(super) memory_bytes: usize,
    /// Part of `memory_bytes` that payloads share with the message.
    pub(super) shared_bytes: usize,
}

/// Properties of an encoded document.
#[derive(Clone, Copy, Debug)]
pub(super) struct DocumentSummary {
    /// Number of documents in it, itself included.
    pub(super) documents: usize,
    has_id: bool,
    /// Upper bound of [`Document::memory_bytes`]; exact unless a field is repeated.
    pub(super) memory_bytes: usize,
    /// Part of `memory_bytes` that payloads share with the message.
    pub(super) shared_bytes: usize,
}

impl Decoder<'_> {
    /// Summarizes the list that [`Decoder::list`] would decode.
    pub(super) fn scan_list(self, list: &[u8]) -> Result<ListSummary, WireError> {
        let mut summary =
            ListSummary { count: 0, documents: 0, all_have_ids: true, memory_bytes: 0, shared_bytes: 0 };
        for field in FieldReader::new(list) {
            if let (1, document) = field? {
                let document = self.deeper()?.scan_document(document.bytes()?)?;
                summary.count += 1;
                summary.documents += document.documents;
                summary.all_have_ids &= document.has_id;
                summary.memory_bytes += document.memory_bytes;
                summary.shared_bytes += document.shared_bytes;
            }
        }
        Ok(summary)
    }

    /// Summarizes the document that [`Decoder::document`] would decode.
    pub(super) fn scan_document(self, message: &[u8]) -> Result<DocumentSummary, WireError> {
        let (mut has_id, mut bytes, mut shared) = (false, size_of::<Document>(), 0);
        let (mut tensor, mut embedding) = (ArrayDecoder::default(), ArrayDecoder::default());
        let (mut documents, mut has_chunks, mut has_matches) = (1, false, false);
        let (mut tags, mut metadata) = (ObjectSize::default(), ObjectSize::default());
        let (mut scores, mut evaluations) = (ScoresSize::default(), ScoresSize::default());
        let (mut id_length, mut orphans) = (0, 0);
        for field in FieldReader::new(message) {
            let (number, field) = field?;
            match number {
                1 => {
                    id_length = field.str()?.len();
                    has_id = id_length > 0;
                    bytes += id_length;
                }
                2 => shared += field.bytes()?.len(),
                3 => tensor.merge(field.bytes()?)?,
                4 | 7 | 9 | 10 | 11 => bytes += field.str()?.len(),
                5 | 6 => _ = field.uint32()?,
                8 | 12 => _ = field.float()?,
                13 => bytes += floats_bytes(field)?,
                14 | 15 => {
                    let nested = self.deeper()?.scan_document(field.bytes()?)?;
                    bytes += nested.memory_bytes - nested.shared_bytes;
                    shared += nested.shared_bytes;
                    documents += nested.documents;
                    // Each chunk may get a copy of the id as its parent's.
                    orphans += usize::from(number == 14);
                    *(if number == 14 { &mut has_chunks } else { &mut has_matches }) = true;
                }
                16 => embedding.merge(field.bytes()?)?,
                17 => tags.add(self.deeper()?.scan_object(field.bytes()?)?),
                18 => scores.add(field.bytes()?)?,
                19 => evaluations.add(field.bytes()?)?,
                20 => metadata.add(self.deeper()?.scan_object(field.bytes()?)?),
                _ => {}
            }
        }
        for array in [tensor, embedding] {
            if let Some(tensor) = array.finish(self)? {
                bytes += size_of_val(tensor.shape());
                shared += tensor.data().len();
            }
        }
        bytes += memory::tags_bytes(tags.0) + scores.memory_bytes() + orphans * id_length;
        bytes += memory::docarray_bytes(evaluations.memory_bytes(), metadata.0);
        bytes += LIST_BYTES * (usize::from(has_chunks) + usize::from(has_matches));
        Ok(DocumentSummary { documents, has_id, memory_bytes: bytes + shared, shared_bytes: shared })
    }

    /// Validates a `Struct`, and returns the bytes of memory that the decoded object would occupy.
    pub(super) fn scan_object(self, message: &[u8]) -> Result<usize, WireError> {
        let mut bytes = 0;
        for field in FieldReader::new(message) {
            if let (1, field) = field? {
                let (name, content) = map_entry(field.bytes()?, |value| self.deeper()?.scan_value(value))?;
                let entry = memory::entry_bytes(name, content.unwrap_or_default());
                bytes += if bytes == 0 { memory::object_bytes(std::iter::once(entry)) } else { entry };
            }
        }
        Ok(bytes)
    }

    /// Validates a `Value`, and returns the bytes of memory that the decoded value would refer to.
    fn scan_value(self, message: &[u8]) -> Result<usize, WireError> {
        let mut bytes = 0;
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
                            bytes += size_of::<Value>() + items.deeper()?.scan_value(item.bytes()?)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(bytes)
    }
}

/// Bytes of an object whose entries are in one or several messages.
#[derive(Default)]
struct ObjectSize(usize);

impl ObjectSize {
    fn add(&mut self, object: usize) {
        // A map that further entries are added to doubles as it grows.
        self.0 = if self.0 == 0 { object } else { self.0.saturating_add(3 * object) };
    }
}

/// Size of a map of scores.
#[derive(Default)]
struct ScoresSize {
    count: usize,
    texts: usize,
}

impl ScoresSize {
    /// Validates and adds an entry.
    fn add(&mut self, entry: &[u8]) -> Result<(), WireError> {
        let (name, score) = map_entry(entry, score)?;
        self.count += 1;
        self.texts += memory::score_text_bytes(name, &score.unwrap_or_default());
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        memory::scores_bytes(self.count, self.texts)
    }
}

/// Validates a field of floats, packed or single, and returns their bytes of memory.
fn floats_bytes(field: Field<'_>) -> Result<usize, WireError> {
    match field {
        Field::Bytes(packed) if packed.len().is_multiple_of(4) => Ok(packed.len()),
        Field::Bytes(_) => Err(WireError::Truncated),
        single => single.float().map(|_| size_of::<f32>()),
    }
}
