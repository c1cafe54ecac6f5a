//! Adds chunks to a document and updates the tag with the number of siblings (`SIBLINGS_TAG`) of all of its chunks.

use std::collections::HashSet;

use crate::{Document, tag_sibling_count};

/// Adds chunks to a document. They replace existing chunks with the same ids, so that segmenting a document twice has
/// no further effect.
pub fn add_chunks(parent: &mut Document, chunks: Vec<Document>) {
    let ids: HashSet<&str> = chunks.iter().map(|chunk| chunk.id.as_str()).collect();
    let siblings = parent.chunks.make_mut();
    siblings.retain(|sibling| !ids.contains(sibling.id.as_str()));
    siblings.extend(chunks);
    tag_sibling_count(siblings);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SIBLINGS_TAG;

    #[test]
    fn adding_the_same_chunks_twice_changes_nothing() {
        let mut parent = Document::new("a");
        for _ in 0..2 {
            let chunks = (0..3).map(|number| parent.new_chunk(number)).collect();
            add_chunks(&mut parent, chunks);
            assert_eq!(parent.chunks.len(), 3);
            assert!(parent.chunks.iter().all(|chunk| chunk.tags[SIBLINGS_TAG] == 3));
        }
    }

    #[test]
    fn existing_chunks_are_counted_too() {
        let mut parent = Document::new("a");
        parent.chunks = [Document::new("title")].into_iter().collect();
        let chunk = parent.new_chunk(0);
        add_chunks(&mut parent, vec![chunk]);
        assert_eq!(parent.chunks.iter().map(|chunk| &chunk.tags[SIBLINGS_TAG]).collect::<Vec<_>>(), [2, 2]);
    }
}
