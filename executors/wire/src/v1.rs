//! Documents in docarray's first schema (docarray before 0.30). Encoding removes the record of extra fields, a tag from which
//! replies in the second schema (0.30 and later) are restored.

use bytes::Bytes;
use flowrun_sdk::{DecodeBudget, Document, Documents, protobuf};

use super::{WireError, extra_fields};

/// Validates a list of documents, which are decoded when they are first accessed, and takes their memory from `budget`.
///
/// # Errors
/// [`WireError`] if one of them is invalid, or they exceed the budget.
pub(super) fn decode_documents(list: &Bytes, budget: &DecodeBudget<'_>) -> Result<Documents, WireError> {
    protobuf::decode_list_within(list, budget)
}

/// Decodes one document, whose memory is taken from `budget`.
///
/// # Errors
/// [`WireError`] if it is invalid, or exceeds the budget.
pub(super) fn decode_document(document: &Bytes, budget: &DecodeBudget<'_>) -> Result<Document, WireError> {
    protobuf::decode_shared_within(document, budget)
}

/// Encodes a list of documents.
pub(super) fn encode_documents(documents: &[Document]) -> Bytes {
    protobuf::encode_list(&extra_fields::without_records(documents)).into()
}

/// Encodes one document.
pub(super) fn encode_document(document: &Document) -> Bytes {
    let document = extra_fields::without_records(std::slice::from_ref(document));
    document.first().map(protobuf::encode).unwrap_or_default().into()
}
