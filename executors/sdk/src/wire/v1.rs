//! Documents of docarray's first schema, as what carries them has them.

use bytes::Bytes;
use prost::Message as _;

use super::{DocumentArrayProto, DocumentProto, WireError, fields};
use crate::{Document, Documents};

/// The documents that a list of messages stands for.
pub(super) fn decode_documents(list: Bytes) -> Result<Documents, WireError> {
    DocumentArrayProto::decode(list)?.docs.into_iter().map(Document::try_from).collect()
}

/// The document that a message stands for.
pub(super) fn decode_document(document: Bytes) -> Result<Document, WireError> {
    DocumentProto::decode(document)?.try_into()
}

/// The documents as a list of messages. What only the second schema says stays behind.
pub(super) fn encode_documents(documents: &[Document]) -> Bytes {
    let docs = documents.iter().map(|document| DocumentProto::from(&*fields::dropped(document))).collect();
    DocumentArrayProto { docs }.encode_to_vec().into()
}

/// The document as a message.
pub(super) fn encode_document(document: &Document) -> Bytes {
    DocumentProto::from(&*fields::dropped(document)).encode_to_vec().into()
}
