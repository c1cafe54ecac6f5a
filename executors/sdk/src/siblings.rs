//! How many chunks a document was cut into, as its chunks tell it.
//!
//! Rankers weigh a match by the chunks that its document has in all, long after the document itself is gone. Jina kept
//! that in a field of every chunk (`length`, later `siblings`); here it is a tag.

use serde_json::Value;

use crate::Document;

/// The tag of a chunk that holds how many chunks its parent was cut into, itself among them.
pub const SIBLINGS_TAG: &str = "siblings";

/// Writes on each of these documents how many they are.
pub fn tag_sibling_count(siblings: &mut [Document]) {
    let number = Value::from(siblings.len());
    for document in siblings {
        if document.tags.get(SIBLINGS_TAG) != Some(&number) {
            document.tags_mut().insert(SIBLINGS_TAG.to_owned(), number.clone());
        }
    }
}
