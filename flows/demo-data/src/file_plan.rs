//! Assignment of classes to numbered files, in random order, so that file names reveal no class.

use crate::arguments::Arguments;
use crate::seeded_rng::{Purpose, SeededRng};

/// Use of a file: in the index or as a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Split {
    Index,
    /// Held out of the index.
    Query,
}

impl Split {
    /// Name in paths and labels.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Query => "query",
        }
    }
}

/// A planned file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileEntry<C> {
    pub(crate) class: C,
    pub(crate) split: Split,
    /// Unique number among the files of a kind, independent of the size of the set.
    pub(crate) index: u32,
}

/// The files of a kind, in the order of their numbers.
pub(crate) fn file_plan<C: Copy>(
    classes: &[C],
    arguments: &Arguments,
    purpose: Purpose,
) -> Vec<FileEntry<C>> {
    let counts = [(Split::Index, arguments.per_class), (Split::Query, arguments.held_out)];
    let class_entries = |(number, class): (u32, C)| {
        counts.into_iter().flat_map(move |(split, count)| {
            let first = number << 12 | (split as u32) << 11;
            (first..).take(count).map(move |index| FileEntry { class, split, index })
        })
    };
    let mut entries: Vec<FileEntry<C>> = (0..).zip(classes.iter().copied()).flat_map(class_entries).collect();
    SeededRng::new(arguments.seed, Purpose::Order, purpose as u32).shuffle(&mut entries);
    entries
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn sized(per_class: usize, held_out: usize) -> Vec<FileEntry<char>> {
        let arguments = Arguments { per_class, held_out, ..Arguments::new("x") };
        file_plan(&['a', 'b', 'c'], &arguments, Purpose::Clip)
    }

    #[test]
    fn every_class_has_files_in_both_splits() {
        let entries = sized(5, 2);
        for class in ['a', 'b', 'c'] {
            let count = |split| entries.iter().filter(|e| (e.class, e.split) == (class, split)).count();
            assert_eq!((count(Split::Index), count(Split::Query)), (5, 2));
        }
        let indices: BTreeSet<u32> = entries.iter().map(|entry| entry.index).collect();
        assert_eq!(indices.len(), entries.len());
    }

    #[test]
    fn numbers_are_unique_in_the_largest_set() {
        let entries = sized(1000, 1000);
        let indices: BTreeSet<u32> = entries.iter().map(|entry| entry.index).collect();
        assert_eq!(indices.len(), 6000);
    }

    #[test]
    fn a_larger_set_contains_the_smaller_one() {
        let larger: BTreeSet<FileEntry<char>> = sized(8, 3).into_iter().collect();
        assert!(sized(5, 2).iter().all(|entry| larger.contains(entry)));
    }

    #[test]
    fn the_order_reveals_no_class() {
        let entries = sized(50, 0);
        let changes = entries.windows(2).filter(|pair| pair[0].class != pair[1].class).count();
        assert!(changes > 60, "{changes}");
    }
}
