//! The nearest rows of one query.

/// The `k` nearest rows seen so far, and every row at the same distance as the last of them: their ids decide which
/// of these belong to the answer.
#[derive(Clone, Debug)]
pub(super) struct Nearest {
    k: usize,
    rows: Vec<(f32, u64)>,
    /// Rows beyond this distance cannot belong to the answer.
    cutoff: f32,
    /// Number of rows in `rows` at which those beyond the cutoff are dropped.
    held_max: usize,
}

/// The nearest rows of one query, split into certain matches and ties.
#[derive(Debug, PartialEq)]
pub(super) struct Ranked {
    /// Distances and rows that belong to the answer, in any order.
    pub(super) certain: Vec<(f32, u64)>,
    /// Rows at the distance of the last match.
    pub(super) tied: Vec<u64>,
    /// Distance of the tied rows.
    pub(super) distance: f32,
    /// Number of tied rows that belong to the answer.
    pub(super) tied_count: usize,
}

/// Smallest number of rows at which any are dropped.
const HELD_MIN: usize = 256;

impl Nearest {
    /// Creates an empty list. A `k` of 0 counts as 1.
    pub(super) fn new(k: usize) -> Self {
        Self { k: k.max(1), rows: Vec::new(), cutoff: f32::INFINITY, held_max: HELD_MIN.max(4 * k) }
    }

    /// Adds a row. Each row may be added only once.
    pub(super) fn push(&mut self, distance: f32, row: u64) {
        if distance > self.cutoff {
            return;
        }
        self.rows.push((distance, row));
        if self.rows.len() >= self.held_max {
            self.prune();
            // With many ties few rows are dropped. Doubling the limit keeps the work linear in the number of rows.
            self.held_max = self.held_max.max(2 * self.rows.len());
        }
    }

    /// Distance of the `k`-th nearest row; `None` while fewer than `k` rows were added.
    pub(super) fn last(&mut self) -> Option<f32> {
        self.prune();
        (self.rows.len() >= self.k).then_some(self.cutoff)
    }

    /// Number of rows in memory.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Splits the rows into certain matches and ties.
    pub(super) fn into_ranked(mut self) -> Ranked {
        let Some(distance) = self.last() else {
            return Ranked { certain: self.rows, tied: Vec::new(), distance: self.cutoff, tied_count: 0 };
        };
        let (certain, tied): (Vec<_>, Vec<_>) = self.rows.into_iter().partition(|row| row.0 < distance);
        let tied_count = self.k.saturating_sub(certain.len());
        Ranked { certain, tied: tied.into_iter().map(|(_, row)| row).collect(), distance, tied_count }
    }

    /// Drops the rows beyond the `k`-th distance.
    fn prune(&mut self) {
        if self.rows.len() < self.k {
            return;
        }
        let (_, &mut (cutoff, _), _) =
            self.rows.select_nth_unstable_by(self.k - 1, |a, b| a.0.total_cmp(&b.0));
        self.cutoff = cutoff;
        self.rows.retain(|(distance, _)| *distance <= cutoff);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_nearest_rows_and_all_ties_with_the_last_are_kept(
            distances in proptest::collection::vec(0..50_u8, 0..2000),
            k in 1..30_usize,
        ) {
            let mut nearest = Nearest::new(k);
            for (row, distance) in (0..).zip(&distances) {
                nearest.push(f32::from(*distance), row);
            }
            let mut sorted: Vec<(f32, u64)> =
                distances.iter().map(|distance| f32::from(*distance)).zip(0..).collect();
            sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let last = sorted.get(k - 1).map(|(distance, _)| *distance);
            prop_assert_eq!(nearest.last(), last);
            let mut ranked = nearest.into_ranked();
            ranked.certain.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            ranked.tied.sort_unstable();
            let is_tied = |distance: f32| last.is_some_and(|last| distance == last);
            let tied = sorted.iter().filter(|row| is_tied(row.0)).map(|row| row.1).collect();
            sorted.retain(|(distance, _)| last.is_none_or(|last| *distance < last));
            let tied_count = last.map_or(0, |_| k - sorted.len());
            let distance = last.unwrap_or(f32::INFINITY);
            prop_assert_eq!(ranked, Ranked { certain: sorted, tied, distance, tied_count });
        }
    }

    #[test]
    fn infinite_distances_are_ranked() {
        let mut nearest = Nearest::new(2);
        nearest.push(f32::INFINITY, 0);
        assert_eq!(nearest.last(), None);
        nearest.push(f32::INFINITY, 1);
        nearest.push(-1.0, 2);
        assert_eq!(nearest.last(), Some(f32::INFINITY));
        let ranked = nearest.into_ranked();
        assert_eq!((ranked.certain, ranked.tied.len(), ranked.tied_count), (vec![(-1.0, 2)], 2, 1));
    }
}
