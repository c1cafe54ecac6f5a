//! Documents as protobuf messages: the format of storage and plugins, and of requests in docarray's first schema.
//!
//! The schema is `proto/docarray.proto`. Documents are encoded and decoded directly, without generated types; payloads of
//! a decoded message that is [`Bytes`] share its memory. Sparse arrays, which [`Document`] lacks, are dropped when
//! decoded documents are changed, and pass through unchanged until then.
//!
//! Jina's request and reply messages and docarray's second schema are in the crate `flowrun-wire`, which executors do not
//! need.

mod decode;
mod encode;
mod error;
mod field_reader;
mod one_pass;
mod scan;
pub(crate) mod schema;
mod sink;

use std::sync::OnceLock;

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::documents::Message;
use crate::{DecodeBudget, Document, Documents, Tags};

pub use error::WireError;
pub use field_reader::{Field, FieldReader};
pub use schema::Schema;

use decode::Decoder;
use encode::Object;
use sink::{Encode, FieldSink as _, SLACK};

/// Encodes one document. Equal documents have equal encodings.
#[must_use]
pub fn encode(document: &Document) -> Vec<u8> {
    encoded(document)
}

/// Upper bound of the bytes before each document in a list: key and length.
const LIST_ENTRY_BYTES_MAX: usize = 11;

/// Memory of a document for the headers of its allocations, such as the reference counts of its text.
const ALLOCATIONS_BYTES: usize = 96;

/// Encodes a list of documents, as a `DocumentArrayProto`. Equal lists have equal encodings.
#[must_use]
pub fn encode_list(documents: &[Document]) -> Vec<u8> {
    let lengths: Vec<usize> = documents.iter().map(Encode::encoded_length).collect();
    let entries = lengths.len() * LIST_ENTRY_BYTES_MAX;
    let mut bytes = Vec::with_capacity(lengths.iter().sum::<usize>() + entries + SLACK);
    for (document, length) in documents.iter().zip(lengths) {
        bytes.begin(1, length);
        document.encode(&mut bytes);
    }
    bytes
}

/// Encodes a list of documents as fast as possible: returns the message that unchanged documents were decoded from, and
/// otherwise an encoding that is valid but not canonical. Meant for messages that are neither stored nor sent.
#[must_use]
pub fn encode_shared(documents: &Documents) -> Bytes {
    documents.source_message(Schema::V1).cloned().unwrap_or_else(|| one_pass::encode_list(documents).into())
}

/// Encodes a JSON object as a `google.protobuf.Struct`. Numbers become doubles.
#[must_use]
pub fn encode_object(object: &Map<String, Value>) -> Vec<u8> {
    encoded(&Object(object))
}

fn encoded(value: &impl Encode) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(value.encoded_length() + SLACK);
    value.encode(&mut bytes);
    bytes
}

/// Decodes one document, and copies its payloads. Chunks without a parent id get the id of the document that contains them.
///
/// # Errors
/// [`WireError`] if the bytes are not a document.
pub fn decode(bytes: &[u8]) -> Result<Document, WireError> {
    Decoder::new(None).document(bytes)
}

/// Decodes one document like [`decode`]; its payloads share the memory of `bytes`.
///
/// # Errors
/// [`WireError`] if the bytes are not a document.
pub fn decode_shared(bytes: &Bytes) -> Result<Document, WireError> {
    Decoder::new(Some(bytes)).document(bytes)
}

/// Validates a list of documents, and decodes it when it is first accessed. Payloads share the memory of `list`.
///
/// # Errors
/// [`WireError`] if one of the documents is invalid.
pub fn decode_list(list: &Bytes) -> Result<Documents, WireError> {
    decode_list_within(list, &DecodeBudget::unbounded())
}

/// Like [`decode_list`], but takes the memory that the decoded documents will occupy in addition to `list` from `budget`.
///
/// # Errors
/// [`WireError`] if one of the documents is invalid, or they exceed the budget.
pub fn decode_list_within(list: &Bytes, budget: &DecodeBudget<'_>) -> Result<Documents, WireError> {
    let summary = Decoder::new(Some(list)).scan_list(list)?;
    budget.add_documents(summary.documents);
    budget.take(summary.memory_bytes - summary.shared_bytes + summary.documents * ALLOCATIONS_BYTES)?;
    Ok(unchecked_list(list.clone(), summary.count, summary.all_have_ids, summary.memory_bytes))
}

/// Creates a list from a message without validating it. `count`, `all_have_ids` and `memory_bytes` (zero if unknown) are
/// those of the documents in it. An invalid message decodes to an empty list when it is accessed.
pub(crate) fn unchecked_list(
    list: Bytes,
    count: usize,
    all_have_ids: bool,
    memory_bytes: usize,
) -> Documents {
    let decode = |list: &Bytes| Decoder::new(Some(list)).list(list).unwrap_or_default();
    let message = Message { list, schema: Schema::V1, count, all_have_ids, decoded: OnceLock::new(), decode };
    Documents::from_message(message, memory_bytes)
}

/// Decodes a `google.protobuf.Struct`. Numbers without a fraction become integers.
///
/// # Errors
/// [`WireError`] if the bytes are not such a message.
pub fn decode_object(bytes: &[u8]) -> Result<Map<String, Value>, WireError> {
    decode_object_within(bytes, &DecodeBudget::unbounded())
}

/// Like [`decode_object`], but takes the memory of the object from `budget`.
///
/// # Errors
/// [`WireError`] if the bytes are not such a message, or the object exceeds the budget.
pub fn decode_object_within(
    bytes: &[u8],
    budget: &DecodeBudget<'_>,
) -> Result<Map<String, Value>, WireError> {
    let decoder = Decoder::new(None);
    budget.take(decoder.scan_object(bytes)?)?;
    let mut object = Map::new();
    decoder.object(bytes, &mut object)?;
    Ok(object)
}

/// Decodes one document like [`decode_shared`], but takes its memory from `budget`.
///
/// # Errors
/// [`WireError`] if the bytes are not a document, or it exceeds the budget.
pub fn decode_shared_within(bytes: &Bytes, budget: &DecodeBudget<'_>) -> Result<Document, WireError> {
    let decoder = Decoder::new(Some(bytes));
    let scanned = decoder.scan_document(bytes)?;
    budget.add_documents(scanned.documents);
    budget.take(scanned.memory_bytes - scanned.shared_bytes + scanned.documents * ALLOCATIONS_BYTES)?;
    decoder.document(bytes)
}

/// Decodes only the tags of a document; other fields are skipped without copying.
///
/// # Errors
/// [`WireError`] if the bytes are not a message, or the tags are invalid.
pub fn decode_tags(bytes: &[u8]) -> Result<Tags, WireError> {
    let mut tags = Tags::new();
    for field in FieldReader::new(bytes) {
        if let (17, field) = field? {
            Decoder::new(None).object(field.bytes()?, &mut tags)?;
        }
    }
    Ok(tags)
}

#[cfg(test)]
mod tests;
