//! Which numbered file shows which class: in a random order, so that names reveal nothing.

use crate::arguments::Arguments;
use crate::dice::{Dice, Purpose};

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Split {
    Index,
    /// Held out: not to be indexed.
    Query,
}

impl Split {
    /// The word for it in paths and labels.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Query => "query",
        }
    }
}

/// One file to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry<C> {
    pub(crate) class: C,
    pub(crate) split: Split,
    /// A number that no other file of this kind has and that does not depend on the size of the set.
    pub(crate) index: u32,
}

/// The files of one kind, in the order in which they are numbered.
pub(crate) fn roster<C: Copy>(classes: &[C], arguments: &Arguments, purpose: Purpose) -> Vec<Entry<C>> {
    let counts = [(Split::Index, arguments.per_class), (Split::Query, arguments.held_out)];
    let of_class = |(number, class): (u32, C)| {
        counts.into_iter().flat_map(move |(split, count)| {
            let first = number << 12 | (split as u32) << 11;
            (first..).take(count).map(move |index| Entry { class, split, index })
        })
    };
    let mut entries: Vec<Entry<C>> = (0..).zip(classes.iter().copied()).flat_map(of_class).collect();
    Dice::new(arguments.seed, Purpose::Order, purpose as u32).shuffle(&mut entries);
    entries
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn sized(per_class: usize, held_out: usize) -> Vec<Entry<char>> {
        let arguments = Arguments { per_class, held_out, ..Arguments::new("x") };
        roster(&['a', 'b', 'c'], &arguments, Purpose::Clip)
    }

    #[test]
    fn every_class_gets_its_share_of_both_splits() {
        let entries = sized(5, 2);
        for class in ['a', 'b', 'c'] {
            let count = |split| entries.iter().filter(|e| (e.class, e.split) == (class, split)).count();
            assert_eq!((count(Split::Index), count(Split::Query)), (5, 2));
        }
        let indices: BTreeSet<u32> = entries.iter().map(|entry| entry.index).collect();
        assert_eq!(indices.len(), entries.len());
    }

    #[test]
    fn the_largest_set_has_no_two_equal_numbers() {
        let entries = sized(1000, 1000);
        let indices: BTreeSet<u32> = entries.iter().map(|entry| entry.index).collect();
        assert_eq!(indices.len(), 6000);
    }

    #[test]
    fn a_larger_set_contains_the_smaller_one() {
        let larger: BTreeSet<Entry<char>> = sized(8, 3).into_iter().collect();
        assert!(sized(5, 2).iter().all(|entry| larger.contains(entry)));
    }

    #[test]
    fn the_order_reveals_no_class() {
        let entries = sized(50, 0);
        let changes = entries.windows(2).filter(|pair| pair[0].class != pair[1].class).count();
        assert!(changes > 60, "{changes}");
    }
}
