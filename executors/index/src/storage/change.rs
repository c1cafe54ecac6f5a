//! The changes of one call: documents to store and to remove. [`super::plan`] derives their effect on the stored data.

use std::collections::{HashMap, HashSet};

/// A document to be stored.
#[derive(Clone, Debug)]
pub(crate) struct Put {
    pub(crate) id: String,
    /// Id of the document that it is a chunk of; empty for none.
    pub(crate) parent_id: String,
    /// Protobuf bytes.
    pub(crate) document: Vec<u8>,
    /// Its vector; `None` in a document store.
    pub(crate) vector: Option<Vec<f32>>,
}

/// The changes of one call.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// In order of arrival; `None` where a put was withdrawn.
    puts: Vec<Option<Put>>,
    /// Position of the put of each id.
    positions: HashMap<String, usize>,
    /// Positions of the puts of each parent's chunks. A chunk that was put again under another parent is in both
    /// lists.
    positions_of_chunks: HashMap<String, Vec<usize>>,
    /// Ids of documents to remove.
    pub(super) removed: Vec<String>,
    /// Ids of documents whose stored chunks are removed, unless they are put.
    pub(super) replaced_parents: HashSet<String>,
    /// Documents that are not stored yet are not inserted.
    pub(super) is_update_only: bool,
}

impl Change {
    /// A change that only updates stored documents; documents that are not stored are counted, but not inserted.
    pub(crate) fn updates_only() -> Self {
        Self { is_update_only: true, ..Self::default() }
    }

    /// Adds a document to store; it replaces an earlier put of its id.
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

    /// Declares that the following puts contain all chunks of a document: its other chunks, stored or put before, are
    /// removed. A document without an id has no known chunks.
    pub(crate) fn replace_children(&mut self, parent_id: &str) {
        if !parent_id.is_empty() && !self.replaced_parents.insert(parent_id.to_owned()) {
            self.drop_children(parent_id);
        }
    }

    /// Withdraws the puts of chunks, and of their chunks. Needed when a document occurs twice in a call; however
    /// often, each put is visited at most once more.
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

    /// Returns whether a document of this id is put.
    pub(super) fn puts_id(&self, id: &str) -> bool {
        self.positions.contains_key(id)
    }

    /// Takes the puts, in order of arrival.
    pub(super) fn take_puts(&mut self) -> impl Iterator<Item = Put> + use<> {
        std::mem::take(&mut self.puts).into_iter().flatten()
    }

    /// Returns whether the change is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.positions.is_empty() && self.removed.is_empty() && self.replaced_parents.is_empty()
    }

    /// Adds a document to remove, with its chunks. A document that is also put is stored.
    pub(crate) fn remove(&mut self, id: String) {
        self.removed.push(id);
    }
}

/// Numbers of documents that a change affected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Documents stored, new or replaced.
    pub(crate) written: usize,
    /// Documents removed.
    pub(crate) removed: usize,
    /// Documents that were not stored because only updates were requested.
    pub(crate) unknown: usize,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn put(id: &str, parent_id: &str) -> Put {
        Put { id: id.to_owned(), parent_id: parent_id.to_owned(), document: vec![], vector: None }
    }

    /// Reference implementation: searches all puts for each withdrawal.
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
        fn withdrawn_chunks_are_those_of_the_parent_and_of_its_chunks(
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
    fn documents_without_ids_keep_their_chunks() {
        let mut change = Change::default();
        for id in ["a", "b"] {
            change.replace_children("");
            change.put(put(id, ""));
        }
        assert_eq!(change.take_puts().count(), 2);
    }

    #[test]
    fn repeated_documents_cost_constant_time_each() {
        // A search of all puts each time would take minutes.
        let mut change = Change::default();
        (0..50_000).for_each(|number| change.put(put(&number.to_string(), "other")));
        for _ in 0..50_000 {
            change.replace_children("clip");
            change.put(put("clip#0", "clip"));
        }
        assert_eq!(change.take_puts().count(), 50_001);
    }
}
