//! Documents of docarray's first schema.

use bytes::Bytes;
use flowrun_sdk::wire::{self, WireError};
use flowrun_sdk::{Document, Documents};

use super::fields;

/// The documents that a list of messages stands for.
pub(super) fn decode_documents(list: &Bytes) -> Result<Documents, WireError> {
    wire::decode_list(list)
}

/// The document that a message stands for.
pub(crate) fn decode_document(document: &Bytes) -> Result<Document, WireError> {
    wire::decode_shared(document)
}

/// The documents as a list of messages. What only the second schema says stays behind.
pub(super) fn encode_documents(documents: &[Document]) -> Bytes {
    wire::encode_list(&fields::dropped(documents)).into()
}

/// The document as a message.
pub(super) fn encode_document(document: &Document) -> Bytes {
    let document = fields::dropped(std::slice::from_ref(document));
    document.first().map(wire::encode).unwrap_or_default().into()
}
