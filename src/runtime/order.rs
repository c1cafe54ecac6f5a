//! The order of a request's documents, to be restored when branches have taken some of them each.

use std::collections::HashMap;

use flowrun_sdk::{Document, Documents};

/// The places of documents by their ids.
#[derive(Debug, Default)]
pub(super) struct Order(HashMap<String, usize>);

impl Order {
    /// The order of these documents.
    pub(super) fn of(documents: &[Document]) -> Self {
        let mut places = HashMap::with_capacity(documents.len());
        for (place, document) in documents.iter().enumerate() {
            // Of several with the same id the first counts.
            places.entry(document.id.clone()).or_insert(place);
        }
        Self(places)
    }

    /// Whether there were none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts documents into this order; those that are new come last, in the order in which they are.
    pub(super) fn restore(&self, documents: &mut Documents) {
        let place = |document: &Document| self.0.get(&document.id).copied().unwrap_or(usize::MAX);
        if !documents.is_sorted_by_key(place) {
            documents.make_mut().sort_by_key(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_documents_come_last_and_the_others_as_they_were() {
        let list = |ids: &[&str]| ids.iter().copied().map(Document::new).collect::<Documents>();
        let order = Order::of(&list(&["a", "b", "c", "a"]));
        let mut documents = list(&["new", "c", "x", "a", "b"]);
        order.restore(&mut documents);
        let ids: Vec<&str> = documents.iter().map(|document| document.id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "c", "new", "x"]);
    }
}
