//! Documents as protobuf messages: one format for the wire, for plugins and for disk.
//!
//! The messages come from `proto/docarray.proto`, which is docarray's first schema. What a message can say and a
//! [`Document`] cannot (evaluations, sparse arrays, metadata) is dropped when it is read.
//!
//! Whoever talks to other processes has more: the messages of Jina 3 around documents ([`jina`]), documents in either
//! of docarray's schemas ([`Schema`]), and the words of a conversation ([`ask`], [`answer`]).

mod conversation;
mod decode;
mod encode;
mod fields;
mod schema;
mod v1;
mod v2;

use bytes::Bytes;
use prost::Message as _;

use crate::{Document, Documents, Tags, TensorError};

/// The messages of `proto/jina.proto`; documents in them are bytes.
#[expect(missing_docs, reason = "written by prost from the .proto file, which documents them")]
pub mod jina {
    include!(concat!(env!("OUT_DIR"), "/jina.rs"));
}

/// The messages of `proto/docarray2.proto`.
#[expect(unreachable_pub, reason = "written by prost from the .proto file")]
mod docarray2 {
    include!(concat!(env!("OUT_DIR"), "/docarray2.rs"));
}

#[expect(
    missing_docs,
    unreachable_pub,
    reason = "written by prost from the .proto file, which documents them"
)]
mod messages {
    include!(concat!(env!("OUT_DIR"), "/docarray.rs"));
}

pub use conversation::{
    FAILED_DOCUMENTS, Failed, KINDS, RESULTS, Reply, answer, ask, error_kind, exception_name,
};
pub use decode::from_struct;
pub use encode::to_struct;
pub use fields::{Fields, NOTHING, TAGS};
pub use messages::{DenseNdArrayProto, DocumentArrayProto, DocumentProto, NamedScoreProto, NdArrayProto};
pub use schema::Schema;

/// Why bytes are not a document.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes are no message of this type.
    #[error("not a document message: {0}")]
    Message(#[from] prost::DecodeError),
    /// An array's shape does not account for its bytes.
    #[error("the document's array is inconsistent: {0}")]
    Tensor(#[from] TensorError),
}

/// The document as bytes.
#[must_use]
pub fn encode(document: &Document) -> Vec<u8> {
    DocumentProto::from(document).encode_to_vec()
}

/// The document that the bytes stand for. Chunks that name no parent get the one that they are in.
///
/// # Errors
/// [`WireError`] when they stand for none.
pub fn decode(bytes: &[u8]) -> Result<Document, WireError> {
    DocumentProto::decode(bytes)?.try_into()
}

/// The documents in a list of that schema.
///
/// # Errors
/// [`WireError`] when there are none.
pub fn decode_documents(list: Bytes, schema: Schema) -> Result<Documents, WireError> {
    match schema {
        Schema::V1 => v1::decode_documents(list),
        Schema::V2 => Ok(v2::decode_documents(list)?),
    }
}

/// The document in a message of that schema.
///
/// # Errors
/// [`WireError`] when there is none.
pub fn decode_document(message: Bytes, schema: Schema) -> Result<Document, WireError> {
    match schema {
        Schema::V1 => v1::decode_document(message),
        Schema::V2 => Ok(v2::decode_document(message)?),
    }
}

/// The documents as a list of that schema.
#[must_use]
pub fn encode_documents(documents: &[Document], schema: Schema) -> Bytes {
    match schema {
        Schema::V1 => v1::encode_documents(documents),
        Schema::V2 => v2::encode_documents(documents),
    }
}

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
    Ok(TagsAlone::decode(bytes)?.tags.map(from_struct).unwrap_or_default())
}

/// The one field of a `DocumentProto` that tells its tags.
#[derive(Clone, PartialEq, prost::Message)]
struct TagsAlone {
    #[prost(message, optional, tag = "17")]
    tags: Option<prost_types::Struct>,
}
