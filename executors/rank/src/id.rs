//! The one order of ids in this family.

use std::cmp::Ordering;

/// The id of a document, ordered by length, then by text.
///
/// Every “first” and “last” among the hits goes by this order; what is ranked equally goes by text, as everywhere.
/// Jina's ids were integers; digits without leading zeros come in numeric order here too, and so do the chunks of
/// one document: `clip#9` before `clip#10`.
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
    fn the_chunks_of_a_document_come_in_the_order_of_their_numbers() {
        let mut ids = ["clip#10", "clip#9", "clip#", "b", "clip#0"].map(Id);
        ids.sort();
        assert_eq!(ids, ["b", "clip#", "clip#0", "clip#9", "clip#10"].map(Id));
    }

    proptest! {
        #[test]
        fn integers_come_in_numeric_order(left: u64, right: u64) {
            let order = Id(&left.to_string()).cmp(&Id(&right.to_string()));
            prop_assert_eq!(order, left.cmp(&right));
        }
    }
}
