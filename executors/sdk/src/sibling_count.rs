//! The number of chunks that a document was cut into, as a tag of the chunks.
//!
//! Rankers weight a match by the number of chunks of its document, when the other chunks are no longer available. Jina
//! kept the number in a field of every chunk (`length`, later `siblings`); flowrun keeps it in a tag.

use serde_json::Value;

use crate::Document;

/// Tag of a chunk with the number of chunks of its parent, itself included.
pub const SIBLINGS_TAG: &str = "siblings";

/// Sets [`SIBLINGS_TAG`] of every document to the number of documents.
pub fn tag_sibling_count(siblings: &mut [Document]) {
    let count = Value::from(siblings.len());
    for document in siblings {
        if document.tags.get(SIBLINGS_TAG) != Some(&count) {
            document.tags_mut().insert(SIBLINGS_TAG.to_owned(), count.clone());
        }
    }
}
