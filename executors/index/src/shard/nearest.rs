//! The nearest rows of one query, as far as they are known.

/// The `k` nearest rows among those seen, and every row that is as far as the last of them: which of these belong
/// to the answer is for their ids to decide.
#[derive(Clone, Debug)]
pub(crate) struct Nearest {
    k: usize,
    rows: Vec<(f32, u64)>,
    /// Rows beyond are of no use any more.
    cutoff: f32,
    /// How many rows are held before the useless ones among them are dropped.
    held_max: usize,
}

/// The nearest rows of one query, by what is still to be decided about them.
#[derive(Debug, PartialEq)]
pub(crate) struct Ranked {
    /// Distances and rows that belong to the answer, in any order.
    pub(crate) certain: Vec<(f32, u64)>,
    /// Rows that are all as far as the last of the answer.
    pub(crate) tied: Vec<u64>,
    /// How far these are.
    pub(crate) distance: f32,
    /// How many of them belong to the answer.
    pub(crate) places: usize,
}

/// Rows held at least before any are dropped.
const HELD_MIN: usize = 256;

impl Nearest {
    /// Nothing seen yet; `k` is at least 1.
    pub(crate) fn new(k: usize) -> Self {
        Self { k: k.max(1), rows: Vec::new(), cutoff: f32::INFINITY, held_max: HELD_MIN.max(4 * k) }
    }

    /// Sees a row. Each row may be shown once.
    pub(crate) fn push(&mut self, distance: f32, row: u64) {
        if distance > self.cutoff {
            return;
        }
        self.rows.push((distance, row));
        if self.rows.len() >= self.held_max {
            self.prune();
            // With many ties little is dropped: wait longer, so that the work stays proportional.
            self.held_max = self.held_max.max(2 * self.rows.len());
        }
    }

    /// The distance of the `k`-th row; `None` while fewer were seen.
    pub(crate) fn last(&mut self) -> Option<f32> {
        self.prune();
        (self.rows.len() >= self.k).then_some(self.cutoff)
    }

    /// How many rows are held.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// What is held: rows that belong to the answer, and rows of which only some do.
    pub(crate) fn into_ranked(mut self) -> Ranked {
        let Some(distance) = self.last() else {
            return Ranked { certain: self.rows, tied: Vec::new(), distance: self.cutoff, places: 0 };
        };
        let (certain, tied): (Vec<_>, Vec<_>) = self.rows.into_iter().partition(|row| row.0 < distance);
        let places = self.k.saturating_sub(certain.len());
        Ranked { certain, tied: tied.into_iter().map(|(_, row)| row).collect(), distance, places }
    }

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
        fn the_nearest_and_all_that_tie_with_the_last_are_held(
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
            let places = last.map_or(0, |_| k - sorted.len());
            let distance = last.unwrap_or(f32::INFINITY);
            prop_assert_eq!(ranked, Ranked { certain: sorted, tied, distance, places });
        }
    }

    #[test]
    fn infinite_distances_count_too() {
        let mut nearest = Nearest::new(2);
        nearest.push(f32::INFINITY, 0);
        assert_eq!(nearest.last(), None);
        nearest.push(f32::INFINITY, 1);
        nearest.push(-1.0, 2);
        assert_eq!(nearest.last(), Some(f32::INFINITY));
        let ranked = nearest.into_ranked();
        assert_eq!((ranked.certain, ranked.tied.len(), ranked.places), (vec![(-1.0, 2)], 2, 1));
    }
}
