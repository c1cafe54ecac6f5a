//! Documents as protobuf messages: one format for the wire, for plugins and for disk.
//!
//! The messages come from `proto/docarray.proto`, which is docarray's first schema. What a message can say and a
//! [`Document`] cannot (evaluations, sparse arrays, metadata) is dropped when it is read.

mod decode;
mod encode;

use prost::Message as _;

use crate::{Document, Tags, TensorError};

#[expect(
    missing_docs,
    unreachable_pub,
    reason = "written by prost from the .proto file, which documents them"
)]
mod messages {
    include!(concat!(env!("OUT_DIR"), "/docarray.rs"));
}

pub use decode::from_struct;
pub use encode::to_struct;
pub use messages::{DenseNdArrayProto, DocumentArrayProto, DocumentProto, NamedScoreProto, NdArrayProto};

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
