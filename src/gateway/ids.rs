//! Generated ids of requests and documents.

use flowrun_sdk::Documents;

/// Length of a generated id in bytes.
pub(super) const ID_BYTES: usize = 32;

/// A random id in Jina's form: 32 hexadecimal digits.
pub(super) fn new_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Generates an id for each of `documents` that has none, since replies and indexes identify documents by id. Chunks
/// and matches are left unchanged.
pub(super) fn with_ids(mut documents: Documents) -> Documents {
    if !documents.all_have_ids() {
        for document in documents.make_mut().iter_mut().filter(|document| document.id.is_empty()) {
            document.id = new_id();
        }
    }
    documents
}
