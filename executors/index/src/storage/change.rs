//! What one call changes, as the call says it. What follows from that for what is stored is in [`super::plan`].

use std::collections::{HashMap, HashSet};

/// A document to be stored.
#[derive(Clone, Debug)]
pub(crate) struct Put {
    pub(crate) id: String,
    pub(crate) parent_id: String,
    /// Its protobuf bytes.
    pub(crate) document: Vec<u8>,
    /// `None` where documents are stored without vectors.
    pub(crate) vector: Option<Vec<f32>>,
}

/// What one call changes.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// In the order in which they came; `None` where one was taken back.
    puts: Vec<Option<Put>>,
    /// Where the put of an id is.
    positions: HashMap<String, usize>,
    /// Where the puts of a parent's chunks are; of a chunk that was put again under another parent, in both lists.
    positions_of_chunks: HashMap<String, Vec<usize>>,
    pub(super) removed: Vec<String>,
    pub(super) replaced_parents: HashSet<String>,
    pub(super) known_only: bool,
}

impl Change {
    /// A change that stores only what is stored already; other documents are counted as unknown.
    pub(crate) fn updates_only() -> Self {
        Self { known_only: true, ..Self::default() }
    }

    /// Stores a document. Of several with one id the last one counts.
    pub(crate) fn put(&mut self, put: Put) {
        let next = self.puts.len();
        let position = *self.positions.entry(put.id.clone()).or_insert(next);
        let earlier = self.puts.get(position).and_then(Option::as_ref);
        if earlier.is_none_or(|earlier| earlier.parent_id != put.parent_id) {
            self.positions_of_chunks.entry(put.parent_id.clone()).or_default().push(position);
        }
        match self.puts.get_mut(position) {
            Some(earlier) => *earlier = Some(put),
            None => self.puts.push(Some(put)),
        }
    }

    /// Says that the chunks of a document are all among the puts to come: others, stored or put before, go. Nothing is
    /// known to be a chunk of a document without an id.
    pub(crate) fn replace_children(&mut self, parent_id: &str) {
        if !parent_id.is_empty() && !self.replaced_parents.insert(parent_id.to_owned()) {
            self.drop_children(parent_id);
        }
    }

    /// Takes back the puts of chunks, and of their chunks. Happens when a document comes twice; each put is looked at
    /// once more at the most, however often that is.
    fn drop_children(&mut self, parent_id: &str) {
        let mut parents = vec![parent_id.to_owned()];
        while let Some(parent_id) = parents.pop() {
            for position in self.positions_of_chunks.remove(&parent_id).unwrap_or_default() {
                let put = self.puts.get_mut(position);
                if let Some(put) = put.and_then(|put| put.take_if(|put| put.parent_id == parent_id)) {
                    self.positions.remove(&put.id);
                    parents.push(put.id);
                }
            }
        }
    }

    /// Whether the document of that id is among the puts.
    pub(super) fn puts_id(&self, id: &str) -> bool {
        self.positions.contains_key(id)
    }

    /// Takes the puts out, in the order in which they came.
    pub(super) fn take_puts(&mut self) -> impl Iterator<Item = Put> + use<> {
        std::mem::take(&mut self.puts).into_iter().flatten()
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.positions.is_empty() && self.removed.is_empty() && self.replaced_parents.is_empty()
    }

    /// Removes a document and its chunks.
    pub(crate) fn remove(&mut self, id: String) {
        self.removed.push(id);
    }
}

/// What became of a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Documents stored, whether new or anew.
    pub(crate) written: usize,
    /// Documents removed.
    pub(crate) removed: usize,
    /// Documents that were not stored because they are not known.
    pub(crate) unknown: usize,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn put(id: &str, parent_id: &str) -> Put {
        Put { id: id.to_owned(), parent_id: parent_id.to_owned(), document: vec![], vector: None }
    }

    /// What is left when chunks are taken back by looking through all puts again and again.
    fn naive(steps: &[(u8, Option<u8>)]) -> Vec<(u8, u8)> {
        let mut puts: Vec<(u8, u8)> = Vec::new();
        let mut seen = HashSet::new();
        for (name, parent) in steps {
            match parent {
                Some(parent) => match puts.iter_mut().find(|put| put.0 == *name) {
                    Some(earlier) => earlier.1 = *parent,
                    None => puts.push((*name, *parent)),
                },
                None if seen.insert(*name) => {}
                None => {
                    let mut dropped = HashSet::from([*name]);
                    let mut before = usize::MAX;
                    while before != puts.len() {
                        before = puts.len();
                        puts.retain(|(id, parent)| {
                            let drop = dropped.contains(parent);
                            if drop {
                                dropped.insert(*id);
                            }
                            !drop
                        });
                    }
                }
            }
        }
        puts
    }

    proptest! {
        #[test]
        fn chunks_that_are_taken_back_are_those_of_the_parent_and_of_its_chunks(
            steps in proptest::collection::vec((0..6_u8, proptest::option::of(0..6_u8)), 0..30),
        ) {
            let mut change = Change::default();
            for (name, parent) in &steps {
                match parent {
                    Some(parent) => change.put(put(&name.to_string(), &parent.to_string())),
                    None => change.replace_children(&name.to_string()),
                }
            }
            let expected: Vec<(String, String)> =
                naive(&steps).into_iter().map(|(id, parent)| (id.to_string(), parent.to_string())).collect();
            for id in (0..6).map(|id: u8| id.to_string()) {
                prop_assert_eq!(change.puts_id(&id), expected.iter().any(|put| put.0 == id));
            }
            let left: Vec<(String, String)> = change.take_puts().map(|put| (put.id, put.parent_id)).collect();
            prop_assert_eq!(left, expected);
        }
    }

    #[test]
    fn of_documents_without_ids_each_keeps_its_chunks() {
        let mut change = Change::default();
        for id in ["a", "b"] {
            change.replace_children("");
            change.put(put(id, ""));
        }
        assert_eq!(change.take_puts().count(), 2);
    }

    #[test]
    fn documents_that_come_again_and_again_cost_no_more_each_time() {
        // Looking through all puts each time would take minutes.
        let mut change = Change::default();
        (0..50_000).for_each(|number| change.put(put(&number.to_string(), "other")));
        for _ in 0..50_000 {
            change.replace_children("clip");
            change.put(put("clip#0", "clip"));
        }
        assert_eq!(change.take_puts().count(), 50_001);
    }
}
