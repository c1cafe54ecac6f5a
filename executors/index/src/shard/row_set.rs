//! Sets of row numbers, one bit per row.

/// A set of row numbers: a bitmap.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowSet {
    words: Vec<u64>,
    count: u64,
}

impl RowSet {
    pub(crate) fn insert(&mut self, row: u64) {
        let (word, bit) = word_and_bit(row);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            self.count += u64::from(*word & bit == 0);
            *word |= bit;
        }
    }

    pub(crate) fn contains(&self, row: u64) -> bool {
        let (word, bit) = word_and_bit(row);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// The rows in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> {
        let bits = |(word, first): (&u64, u64)| {
            let word = *word;
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| first + bit)
        };
        self.words.iter().zip((0..).step_by(64)).flat_map(bits)
    }

    /// The bitmap: row `n` is bit `n % 64` of word `n / 64`.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> u64 {
        self.count
    }
}

impl Extend<u64> for RowSet {
    fn extend<I: IntoIterator<Item = u64>>(&mut self, rows: I) {
        rows.into_iter().for_each(|row| self.insert(row));
    }
}

/// Index of the word of a row, and its bit.
fn word_and_bit(row: u64) -> (usize, u64) {
    (usize::try_from(row / 64).unwrap_or(usize::MAX - 1), 1 << (row % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_contains_exactly_the_inserted_rows(rows in proptest::collection::hash_set(0..500_u64, 0..100)) {
            let mut set = RowSet::default();
            set.extend(rows.iter().chain(&rows).copied());
            prop_assert_eq!(set.len(), rows.len() as u64);
            let contained: HashSet<u64> = (0..600).filter(|row| set.contains(*row)).collect();
            let mut sorted: Vec<u64> = rows.iter().copied().collect();
            sorted.sort_unstable();
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), sorted);
            prop_assert_eq!(contained, rows);
        }
    }
}
