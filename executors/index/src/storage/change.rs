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
    pub(super) puts: Vec<Put>,
    pub(super) positions: HashMap<String, usize>,
    pub(super) removed: Vec<String>,
    pub(super) replaced_parents: HashSet<String>,
    pub(super) known_only: bool,
}

impl Change {
    /// A change that stores only what is stored already; other documents are counted as unknown.
    pub(crate) fn of_known() -> Self {
        Self { known_only: true, ..Self::default() }
    }

    /// Stores a document. Of several with one id the last one counts.
    pub(crate) fn put(&mut self, put: Put) {
        let next = self.puts.len();
        let position = *self.positions.entry(put.id.clone()).or_insert(next);
        match self.puts.get_mut(position) {
            Some(earlier) => *earlier = put,
            None => self.puts.push(put),
        }
    }

    /// Says that the chunks of a document are all among the puts to come: others, stored or put before, go.
    pub(crate) fn replace_children(&mut self, parent_id: &str) {
        if !self.replaced_parents.insert(parent_id.to_owned()) {
            self.drop_children(parent_id);
        }
    }

    /// Takes back the puts of chunks, and of their chunks. Happens when a document comes twice.
    fn drop_children(&mut self, parent_id: &str) {
        let mut dropped = HashSet::from([parent_id.to_owned()]);
        loop {
            let before = self.puts.len();
            self.puts.retain(|put| {
                let drop = dropped.contains(&put.parent_id);
                if drop {
                    dropped.insert(put.id.clone());
                }
                !drop
            });
            if self.puts.len() == before {
                break;
            }
        }
        self.positions =
            self.puts.iter().enumerate().map(|(position, put)| (put.id.clone(), position)).collect();
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
