//! Documents as protobuf messages: one format for the wire, for plugins and for disk.
//!
//! The format is `proto/docarray.proto`, which is docarray's first schema. Documents are read from and written to bytes
//! directly; payloads of a message that is [`Bytes`] are shared with it. What a message can say and a [`Document`]
//! cannot (evaluations, sparse arrays, metadata) is dropped when somebody writes to the documents, and goes on with them
//! until then.
//!
//! Whoever talks to other processes has more: the messages of Jina 3 around documents ([`jina`]), documents in either
//! of docarray's schemas ([`Schema`]), and the words of a conversation ([`request_message`], [`decode_reply`]).

mod check;
#[cfg(feature = "service")]
mod conversation;
mod field;
#[cfg(feature = "service")]
mod fields;
mod one_pass;
mod read;
mod schema;
mod sink;
#[cfg(feature = "service")]
mod v1;
#[cfg(feature = "service")]
mod v2;
mod write;

use std::sync::OnceLock;

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::documents::Message;
use crate::{Document, Documents, Tags, TensorError};

#[cfg(feature = "service")]
pub use conversation::{
    FAILED_DOCUMENTS, ORIGINS, RESULTS, Reply, ReplyFailure, check_reply_status, decode_reply,
    error_kind_from_name, exception_name, request_message,
};
#[cfg(feature = "service")]
pub use fields::{Fields, NOTHING, TAGS};
pub use schema::Schema;

#[cfg(feature = "service")]
/// The messages of `proto/jina.proto`; documents and objects in them are bytes.
#[expect(missing_docs, reason = "written by prost from the .proto file, which documents them")]
pub mod jina {
    include!(concat!(env!("OUT_DIR"), "/jina.rs"));
}

#[cfg(feature = "service")]
/// The messages of `proto/docarray2.proto`.
#[expect(unreachable_pub, reason = "written by prost from the .proto file")]
mod docarray2 {
    include!(concat!(env!("OUT_DIR"), "/docarray2.rs"));
}

use one_pass::written_once;
use read::Reading;
use sink::{Part, SLACK, Sink as _};
use write::Entries;

/// Why bytes are not a document.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes are no message of any type.
    #[error("not a document message: {0}")]
    Message(#[from] prost::DecodeError),
    /// A field is longer than what it stands in.
    #[error("not a document message: it is cut off")]
    CutOff,
    /// A field has the number, but not the type, of one of a document's.
    #[error("not a document message: a field is of another type")]
    WrongType,
    /// A text is none.
    #[error("not a document message: a text is not UTF-8")]
    NotText,
    /// Documents or values lie too deep in one another.
    #[error("the document has more levels than can be read")]
    TooDeep,
    /// An array's shape does not account for its bytes.
    #[error("the document's array is inconsistent: {0}")]
    Tensor(#[from] TensorError),
}

/// The document as bytes.
#[must_use]
pub fn encode(document: &Document) -> Vec<u8> {
    written(document)
}

/// Bytes that stand before a document in a list, at the most.
const LIST_ENTRY_BYTES_MAX: usize = 11;

/// The documents as a message that lists them.
#[must_use]
pub fn encode_list(documents: &[Document]) -> Vec<u8> {
    let lengths: Vec<usize> = documents.iter().map(Part::length).collect();
    let entries = lengths.len() * LIST_ENTRY_BYTES_MAX;
    let mut bytes = Vec::with_capacity(lengths.iter().sum::<usize>() + entries + SLACK);
    for (document, length) in documents.iter().zip(lengths) {
        bytes.begin(1, length);
        document.write(&mut bytes);
    }
    bytes
}

/// The same: the message that they came in, if it is one of this schema and nobody has written to them.
#[must_use]
pub fn encode_shared(documents: &Documents) -> Bytes {
    documents.message(Schema::V1).cloned().unwrap_or_else(|| written_once(documents).into())
}

/// The documents of a message that somebody made who is trusted to say how many they are, whether each has an id, and
/// how many bytes they hold. A message that is none has no documents.
pub(crate) fn trusted_list(list: Bytes, count: usize, named: bool, bytes: usize) -> Documents {
    Documents::of_message(Message { list, schema: Schema::V1, count, named, read: OnceLock::new() }, bytes)
}

/// A JSON object as a `Struct`. Numbers become doubles, as everywhere in protobuf's `Struct`.
#[must_use]
pub fn encode_object(object: &Map<String, Value>) -> Vec<u8> {
    written(&Entries(object))
}

fn written(part: &impl Part) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(part.length() + SLACK);
    part.write(&mut bytes);
    bytes
}

/// The document that the bytes stand for. Chunks that name no parent get the one that they are in.
///
/// # Errors
/// [`WireError`] when they stand for none.
pub fn decode(bytes: &[u8]) -> Result<Document, WireError> {
    Reading::of(None).document(bytes)
}

/// As [`decode`]; payloads are shared with the message.
///
/// # Errors
/// [`WireError`] when the bytes stand for no document.
pub fn decode_shared(bytes: &Bytes) -> Result<Document, WireError> {
    Reading::of(Some(bytes)).document(bytes)
}

/// The documents that a message lists. They are read when somebody looks at them; payloads are shared with the message.
///
/// # Errors
/// [`WireError`] when one of them is none.
pub fn decode_list(list: &Bytes) -> Result<Documents, WireError> {
    let check::Seen { count, named, bytes } = Reading::of(Some(list)).check_list(list)?;
    let (list, read) = (list.clone(), OnceLock::new());
    Ok(Documents::of_message(Message { list, schema: Schema::V1, count, named, read }, bytes))
}

/// The documents of a list that was checked.
pub(crate) fn read_list(list: &Bytes) -> Vec<Document> {
    Reading::of(Some(list)).list(list).unwrap_or_default()
}

/// The JSON object that a `Struct` stands for.
///
/// # Errors
/// [`WireError`] when the bytes are no such message.
pub fn decode_object(bytes: &[u8]) -> Result<Map<String, Value>, WireError> {
    let mut object = Map::new();
    Reading::of(None).object(bytes, &mut object)?;
    Ok(object)
}

#[cfg(feature = "service")]
/// The documents in a list of that schema.
///
/// # Errors
/// [`WireError`] when there are none.
pub fn decode_documents(list: Bytes, schema: Schema) -> Result<Documents, WireError> {
    match schema {
        Schema::V1 => v1::decode_documents(&list),
        Schema::V2 => Ok(v2::decode_documents(list)?),
    }
}

#[cfg(feature = "service")]
/// The document in a message of that schema.
///
/// # Errors
/// [`WireError`] when there is none.
pub fn decode_document(message: Bytes, schema: Schema) -> Result<Document, WireError> {
    match schema {
        Schema::V1 => v1::decode_document(&message),
        Schema::V2 => Ok(v2::decode_document(message)?),
    }
}

/// The documents as a list of that schema: the one that they came in, if nobody has written to them.
#[cfg(feature = "service")]
#[must_use]
pub fn encode_documents(documents: &Documents, schema: Schema) -> Bytes {
    if let Some(message) = documents.message(schema) {
        return message.clone();
    }
    match schema {
        Schema::V1 => v1::encode_documents(documents),
        Schema::V2 => v2::encode_documents(documents),
    }
}

#[cfg(feature = "service")]
/// The document as a message of that schema.
#[must_use]
pub fn encode_document(document: &Document, schema: Schema) -> Bytes {
    match schema {
        Schema::V1 => v1::encode_document(document),
        Schema::V2 => v2::encode_document(document),
    }
}

/// The tags alone of the document that the bytes stand for: what else it holds is passed over, not copied.
///
/// # Errors
/// [`WireError`] when they stand for none.
pub fn decode_tags(bytes: &[u8]) -> Result<Tags, WireError> {
    let mut tags = Tags::new();
    for field in field::Fields::of(bytes) {
        if let (17, field) = field? {
            Reading::of(None).object(field.bytes()?, &mut tags)?;
        }
    }
    Ok(tags)
}

#[cfg(test)]
mod tests;
