//! The order of a request's documents, restored after branches or shards have processed some of them each.

use std::collections::HashMap;

use flowrun_sdk::{Document, Documents};

/// Positions of documents by id.
#[derive(Debug, Default)]
pub(in crate::runtime) struct DocumentOrder(HashMap<String, usize>);

impl DocumentOrder {
    /// The order of `documents`.
    pub(in crate::runtime) fn new(documents: &[Document]) -> Self {
        let mut positions = HashMap::with_capacity(documents.len());
        for (position, document) in documents.iter().enumerate() {
            // Of duplicate ids the first counts.
            positions.entry(document.id.clone()).or_insert(position);
        }
        Self(positions)
    }

    /// Returns `true` when the request had no documents.
    pub(in crate::runtime) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sorts documents into this order. New documents come last and keep their order among themselves.
    pub(in crate::runtime) fn restore(&self, documents: &mut Documents) {
        let position = |document: &Document| self.0.get(&document.id).copied().unwrap_or(usize::MAX);
        if !documents.is_sorted_by_key(position) {
            documents.make_mut().sort_by_key(position);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_documents_return_to_their_order_and_new_ones_come_last() {
        let list = |ids: &[&str]| ids.iter().copied().map(Document::new).collect::<Documents>();
        let order = DocumentOrder::new(&list(&["a", "b", "c", "a"]));
        let mut documents = list(&["new", "c", "x", "a", "b"]);
        order.restore(&mut documents);
        let ids: Vec<&str> = documents.iter().map(|document| document.id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "c", "new", "x"]);
    }
}
