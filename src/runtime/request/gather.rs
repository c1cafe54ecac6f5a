//! Collects the parts of one request until all have arrived.

use super::content::Content;

/// The parts that arrived, with one slot for each expected part.
#[derive(Debug)]
pub(in crate::runtime) struct Gather {
    slots: Vec<Option<Content>>,
    missing: usize,
}

impl Gather {
    /// Creates `parts` empty slots.
    pub(in crate::runtime) fn new(parts: usize) -> Self {
        Self { slots: (0..parts).map(|_| None).collect(), missing: parts }
    }

    /// Stores a part in slot `slot`; a slot that does not exist is ignored. Returns all parts, in slot order, once every
    /// slot is filled.
    pub(in crate::runtime) fn put(&mut self, slot: usize, content: Content) -> Option<Vec<Content>> {
        let slot = self.slots.get_mut(slot)?;
        if slot.replace(content).is_none() {
            self.missing -= 1;
        }
        (self.missing == 0).then(|| self.slots.drain(..).flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::Document;

    use super::*;

    #[test]
    fn parts_are_returned_in_slot_order_once_all_have_arrived() {
        let part = |id: &str| Content::new([Document::new(id)].into_iter().collect());
        let mut gather = Gather::new(2);
        assert!(gather.put(1, part("second")).is_none());
        assert!(gather.put(7, part("no such slot")).is_none());
        let parts = gather.put(0, part("first")).unwrap();
        let ids: Vec<&str> = parts.iter().map(|part| part.documents[0].id.as_str()).collect();
        assert_eq!(ids, ["first", "second"]);
    }
}
