//! How many chunks a document was cut into, as its chunks tell it.
//!
//! Rankers weigh a match by the chunks that its document has in all. Jina kept that in a field of every chunk
//! (`length`, later `siblings`); here it is a tag.

use std::collections::HashSet;

use flowrun_sdk::{Document, Value};

/// The tag of a chunk that holds how many chunks its parent was cut into, itself among them.
pub const SIBLINGS: &str = "siblings";

/// Writes on each of these documents how many they are.
pub fn count(siblings: &mut [Document]) {
    let number = Value::from(siblings.len());
    for document in siblings {
        if document.tags.get(SIBLINGS) != Some(&number) {
            document.tags_mut().insert(SIBLINGS.to_owned(), number.clone());
        }
    }
}

/// Gives a document more chunks; those of the same ids are replaced, so that cutting it twice changes nothing.
pub(crate) fn add_chunks(parent: &mut Document, chunks: Vec<Document>) {
    let ids: HashSet<&str> = chunks.iter().map(|chunk| chunk.id.as_str()).collect();
    let siblings = parent.chunks.make_mut();
    siblings.retain(|sibling| !ids.contains(sibling.id.as_str()));
    siblings.extend(chunks);
    count(siblings);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutting_twice_changes_nothing() {
        let mut parent = Document::new("a");
        for _ in 0..2 {
            let chunks = (0..3).map(|number| parent.chunk(number)).collect();
            add_chunks(&mut parent, chunks);
            assert_eq!(parent.chunks.len(), 3);
            assert!(parent.chunks.iter().all(|chunk| chunk.tags[SIBLINGS] == 3));
        }
    }

    #[test]
    fn chunks_that_were_there_are_counted_too() {
        let mut parent = Document::new("a");
        parent.chunks = [Document::new("title")].into_iter().collect();
        let chunk = parent.chunk(0);
        add_chunks(&mut parent, vec![chunk]);
        assert_eq!(parent.chunks.iter().map(|chunk| &chunk.tags[SIBLINGS]).collect::<Vec<_>>(), [2, 2]);
    }
}
