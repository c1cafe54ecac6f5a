//! Order of ids in the rankers.

use std::cmp::Ordering;

/// Id of a document or chunk, ordered by length, then by text.
///
/// This order defines the first and the last hit; ties between ranked documents are broken by text instead.
/// Decimal numbers without leading zeros (Jina's ids were integers) are in numeric order, and so are the chunks of a
/// document: `clip#9` before `clip#10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id<'a>(pub &'a str);

impl Ord for Id<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0.len(), self.0).cmp(&(other.0.len(), other.0))
    }
}

impl PartialOrd for Id<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn chunks_are_ordered_by_number() {
        let mut ids = ["clip#10", "clip#9", "clip#", "b", "clip#0"].map(Id);
        ids.sort();
        assert_eq!(ids, ["b", "clip#", "clip#0", "clip#9", "clip#10"].map(Id));
    }

    proptest! {
        #[test]
        fn integers_are_in_numeric_order(left: u64, right: u64) {
            let order = Id(&left.to_string()).cmp(&Id(&right.to_string()));
            prop_assert_eq!(order, left.cmp(&right));
        }
    }
}
