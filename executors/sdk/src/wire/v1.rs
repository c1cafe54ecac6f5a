//! Documents of docarray's first schema, as what carries them has them.

use bytes::Bytes;

use super::{WireError, fields};
use crate::{Document, Documents};

/// The documents that a list of messages stands for.
pub(super) fn decode_documents(list: &Bytes) -> Result<Documents, WireError> {
    super::decode_list(list)
}

/// The document that a message stands for.
pub(super) fn decode_document(document: &Bytes) -> Result<Document, WireError> {
    super::decode_shared(document)
}

/// The documents as a list of messages. What only the second schema says stays behind.
pub(super) fn encode_documents(documents: &[Document]) -> Bytes {
    super::encode_list(&fields::dropped(documents)).into()
}

/// The document as a message.
pub(super) fn encode_document(document: &Document) -> Bytes {
    let document = fields::dropped(std::slice::from_ref(document));
    document.first().map(super::encode).unwrap_or_default().into()
}
