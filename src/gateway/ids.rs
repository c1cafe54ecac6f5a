//! Generated ids of requests and documents.

use flowrun_sdk::Documents;

/// Bytes of a generated id.
pub(super) const ID_BYTES: usize = 32;

/// A random id in Jina's form: 32 hexadecimal digits.
pub(super) fn new_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// The documents, with a generated id for each that has none: replies and indexes identify documents by id.
pub(super) fn with_ids(mut documents: Documents) -> Documents {
    if !documents.all_have_ids() {
        for document in documents.make_mut().iter_mut().filter(|document| document.id.is_empty()) {
            document.id = new_id();
        }
    }
    documents
}
