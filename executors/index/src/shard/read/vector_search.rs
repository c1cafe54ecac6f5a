//! Finds the nearest rows of query vectors.
//!
//! FAISS proposes candidates; exact distances decide. An exact index must yield the exact answer, including ties: its
//! candidates suffice only if the worst of them is, by more than any rounding error, farther than the last row of the
//! answer. Otherwise more candidates are requested, and finally every row is compared. [`super::matches`] turns rows
//! into documents.

use std::ops::Range;

use flowrun_sdk::{ExecutorError, tracing};

use super::matches::check_match_count;
use super::nearest::Nearest;
use crate::ann::{Candidates, RowFilter, Tuning, push_faiss_vector};
use crate::metric::Query;
use crate::shard::cancellation::CancelCheck;
use crate::shard::row_set::RowSet;
use crate::shard::state::View;
use crate::shard::vectors::{ServedIndex, VectorIndex};
use crate::storage::StorageError;

/// Candidates requested beyond `k`, for ties and tombstones.
const MARGIN: usize = 16;
/// Candidates per match of an index that stores codes instead of whole vectors.
const OVERSAMPLING: usize = 10;
/// Largest value of `rerank`, and of a request's `n_probe` and `ef_search`.
pub(crate) const RERANK_MAX: usize = 100_000;
/// Bound on the multiplication of candidates where most rows have tombstones: beyond it, comparing the live rows is
/// faster.
const ROWS_PER_LIVE_MAX: u64 = 64;
/// Largest number of filtered rows that are compared one by one instead of searching codes or a graph.
const COMPARED_ROWS_MAX: u64 = 10_000;
/// Number of rounds of candidates from FAISS, before every row is compared.
const ROUNDS: u32 = 3;
/// Factor by which each round increases the number of candidates and the search effort.
const WIDENING: usize = 4;
/// Candidates in memory at a time, over all queries: 12 bytes each.
const CANDIDATES_MAX: usize = 1 << 20;
/// Rows that are compared between two checks of the deadline.
const ROWS_PER_CHECK: u64 = 4096;

/// A search among the rows of one view.
pub(super) struct VectorSearch<'a> {
    pub(super) vectors: &'a VectorIndex,
    pub(super) view: &'a View,
    /// Live rows that match the filter; `None` without a filter.
    pub(super) filtered: Option<&'a RowSet>,
    /// Search parameters of the request; unset ones are those of the index.
    pub(super) tuning: Tuning,
}

/// Parameters of one request to FAISS.
struct Round {
    /// Number of candidates per query.
    width: usize,
    /// Factor on the usual search effort.
    effort_factor: usize,
}

impl VectorSearch<'_> {
    /// Number of rows, with tombstones.
    fn rows(&self) -> u64 {
        self.view.counters.rows
    }

    /// Number of rows that may be matches.
    fn eligible_rows(&self) -> u64 {
        self.filtered.map_or_else(|| self.view.live_rows(), RowSet::len)
    }

    fn is_eligible(&self, row: u64) -> bool {
        match self.filtered {
            Some(filtered) => filtered.contains(row),
            None => !self.view.tombstones.contains(row),
        }
    }

    /// Number of rows per eligible row, at least 1.
    fn rows_per_eligible(&self) -> usize {
        usize::try_from(self.rows() / self.eligible_rows().max(1)).unwrap_or(usize::MAX).max(1)
    }

    /// True if comparing the filtered rows one by one is cheaper than any index.
    fn is_sparse(&self, is_exact: bool) -> bool {
        let rows_max = if is_exact { self.rows() / ROWS_PER_LIVE_MAX } else { COMPARED_ROWS_MAX };
        self.filtered.is_some_and(|filtered| filtered.len() <= rows_max)
    }

    /// The row selector that is passed to FAISS; `None` for all rows. An exact index computes many distances at a time only
    /// without a selector, so tombstones alone do not set one.
    fn selected(&self, served: &ServedIndex) -> Option<RowFilter<'_>> {
        let kind = served.index.index_type();
        match self.filtered {
            _ if !kind.supports_row_filter => None,
            Some(filtered) => Some(RowFilter::Include(filtered.words())),
            None if kind.is_exact() || self.view.tombstones.len() == 0 => None,
            None => Some(RowFilter::Exclude(self.view.tombstones.words())),
        }
    }

    /// The nearest rows of each query.
    pub(super) fn nearest(
        &self,
        queries: &[Query],
        k: usize,
        check: CancelCheck<'_>,
    ) -> Result<Vec<Nearest>, ExecutorError> {
        let dimension = self.vectors.file.dimension();
        if let Some(query) = queries.iter().find(|query| query.vector.len() != dimension) {
            return Err(ExecutorError::input(format_args!(
                "the embedding has {} dimensions, the index {dimension}",
                query.vector.len()
            )));
        }
        let k = usize::try_from(self.eligible_rows()).unwrap_or(usize::MAX).min(k);
        if k == 0 {
            return Ok(Vec::new());
        }
        check_match_count(queries.len(), k)?;
        let mut searches: Vec<QuerySearch<'_>> =
            queries.iter().map(|query| QuerySearch { query, nearest: Nearest::new(k) }).collect();
        let (covered, is_sparse, mut round) = {
            let served = self.vectors.served.read();
            let is_sparse = self.is_sparse(served.index.index_type().is_exact());
            (served.index.rows().min(self.rows()), is_sparse, self.first_round(&served, k))
        };
        self.compare(searches.iter_mut(), covered..self.rows(), is_sparse, check)?;
        let mut open: Vec<&mut QuerySearch<'_>> = searches.iter_mut().collect();
        for _ in 0..ROUNDS {
            if open.is_empty() || covered == 0 || is_sparse {
                break;
            }
            open = self.run_round(open, k, &round, covered, check)?;
            round.width = round.width.saturating_mul(WIDENING);
            round.effort_factor = round.effort_factor.saturating_mul(WIDENING);
        }
        self.compare(open.into_iter(), 0..covered, is_sparse, check)?;
        Ok(searches.into_iter().map(|search| search.nearest).collect())
    }

    fn first_round(&self, served: &ServedIndex, k: usize) -> Round {
        let kind = served.index.index_type();
        let usual = if kind.is_quantized { k.saturating_mul(OVERSAMPLING) } else { k + MARGIN };
        let rerank = self.tuning.or(self.vectors.tuning).rerank;
        let width = rerank.filter(|_| kind.is_quantized).map_or(usual, |rerank| rerank.clamp(k, RERANK_MAX));
        // Rows that the filter excludes fill the same inverted lists and the same regions of a graph.
        let effort_factor =
            if kind.is_exact() || self.filtered.is_none() { 1 } else { self.rows_per_eligible() };
        if self.selected(served).is_some() {
            return Round { width, effort_factor };
        }
        // FAISS does not exclude ineligible rows: their share of its candidates is their share of all rows.
        let factor = self.rows_per_eligible().min(usize::try_from(ROWS_PER_LIVE_MAX).unwrap_or(1));
        Round { width: width.saturating_mul(factor), effort_factor }
    }

    /// Verifies candidates of FAISS; returns the searches for which these were not enough.
    fn run_round<'a, 'b>(
        &self,
        mut open: Vec<&'a mut QuerySearch<'b>>,
        k: usize,
        round: &Round,
        covered: u64,
        check: CancelCheck<'_>,
    ) -> Result<Vec<&'a mut QuerySearch<'b>>, ExecutorError> {
        let width = usize::try_from(covered).unwrap_or(usize::MAX).min(round.width).max(1);
        let mut unfinished = Vec::new();
        while !open.is_empty() {
            check()?;
            let rest = open.split_off(open.len().min((CANDIDATES_MAX / width).max(1)));
            let mut native = Vec::with_capacity(open.len() * self.vectors.file.dimension());
            open.iter()
                .for_each(|search| push_faiss_vector(self.vectors.metric, &search.query.vector, &mut native));
            match self.propose(&native, width, round.effort_factor, covered) {
                Some(proposal) => {
                    for (number, search) in open.into_iter().enumerate() {
                        if !self.verify(search, number, &proposal, k)? {
                            unfinished.push(search);
                        }
                    }
                }
                None => unfinished.append(&mut open),
            }
            open = rest;
        }
        Ok(unfinished)
    }

    /// Candidates of FAISS; `None` when its index cannot be used.
    fn propose(&self, native: &[f32], width: usize, effort_factor: usize, covered: u64) -> Option<Proposal> {
        let served = self.vectors.served.read();
        let index = &served.index;
        // The index that covered these rows was replaced by one that rejected some of them.
        if index.rows() < covered {
            return None;
        }
        let selected = self.selected(&served);
        let effort = index.search_effort(self.tuning, effort_factor, selected);
        let candidates = index.search(native, width, &effort);
        let candidates = candidates.inspect_err(|error| {
            tracing::warn!(%error, "the index cannot be searched; every vector is compared");
        });
        Some(Proposal {
            candidates: candidates.ok()?,
            covered,
            proposable: self.proposable_rows(index.rows(), selected),
            is_exact: index.index_type().is_exact(),
            norm_max: served.norm_max,
        })
    }

    /// Number of rows that an index of `rows` rows can propose with this selector.
    fn proposable_rows(&self, rows: u64, selected: Option<RowFilter<'_>>) -> u64 {
        match selected {
            None => rows,
            Some(RowFilter::Include(_)) => self.eligible_rows(),
            // Rows added since the view was taken are not among its tombstones.
            Some(RowFilter::Exclude(_)) => self.eligible_rows() + rows.saturating_sub(self.rows()),
        }
    }

    /// Computes the exact distances of the candidates of one search; returns whether these determine the answer. If
    /// not, the search is unchanged.
    fn verify(
        &self,
        search: &mut QuerySearch<'_>,
        number: usize,
        proposal: &Proposal,
        k: usize,
    ) -> Result<bool, StorageError> {
        let mut attempt = search.nearest.clone();
        let candidates = &proposal.candidates;
        let mut rows: Vec<u64> = candidates.for_query(number).map(|(row, _)| row).collect();
        let found = rows.len();
        // Rows from `covered` on were compared before.
        rows.retain(|row| *row < proposal.covered && self.is_eligible(*row));
        rows.sort_unstable();
        rows.dedup();
        self.vectors.file.read_scattered(rows, |row, vector| {
            attempt.push(self.vectors.metric.distance(search.query, vector), row);
            Ok::<_, StorageError>(())
        })?;
        let worst = candidates.for_query(number).last().map_or(f32::NAN, |(_, value)| value);
        let floor = self.vectors.distance_bound.lower_bound(worst, search.query, proposal.norm_max);
        let is_enough = match attempt.last() {
            _ if found as u64 >= proposal.proposable => true,
            Some(last) => !proposal.is_exact || last < floor,
            None => false,
        };
        debug_assert!(!is_enough || attempt.len() >= k, "k is at most the number of eligible rows");
        if is_enough {
            search.nearest = attempt;
        }
        Ok(is_enough)
    }

    /// Compares every eligible row of a range; if these are few, only they are read.
    fn compare<'a, 'b: 'a>(
        &self,
        searches: impl Iterator<Item = &'a mut QuerySearch<'b>>,
        rows: Range<u64>,
        is_sparse: bool,
        check: CancelCheck<'_>,
    ) -> Result<(), ExecutorError> {
        let mut searches: Vec<&mut QuerySearch<'_>> = searches.collect();
        if searches.is_empty() || rows.is_empty() {
            return Ok(());
        }
        let mut seen: u64 = 0;
        let compare = |row, vector: &[f32]| {
            if seen.is_multiple_of(ROWS_PER_CHECK) {
                check()?;
            }
            seen += 1;
            if self.is_eligible(row) {
                for search in &mut searches {
                    search.nearest.push(self.vectors.metric.distance(search.query, vector), row);
                }
            }
            Ok(())
        };
        match self.filtered.filter(|_| is_sparse) {
            Some(filtered) => {
                let filtered = filtered.iter().filter(|row| rows.contains(row));
                self.vectors.file.read_scattered(filtered, compare)
            }
            None => self.vectors.file.read(rows, compare),
        }
    }
}

/// Candidates that FAISS proposed.
struct Proposal {
    candidates: Candidates,
    /// Rows from this one on were compared before.
    covered: u64,
    /// Number of rows that FAISS could propose: with as many candidates, no other row can be nearer.
    proposable: u64,
    is_exact: bool,
    norm_max: f64,
}

/// A query and its nearest rows so far.
struct QuerySearch<'a> {
    query: &'a Query,
    nearest: Nearest,
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::Context;

    use super::*;
    use crate::ann::IndexChoice;
    use crate::shard::OpenShard;
    use crate::shard::tests::{change, settings};
    use crate::storage::Fsync;

    #[test]
    fn rows_added_after_the_view_was_taken_displace_no_match() {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(IndexChoice::new("HNSW8"), Fsync::Never);
        let shard = OpenShard::open(&Context::standalone(directory.path()), settings).unwrap();
        let write = |ids: Range<u32>| {
            for id in ids {
                shard.apply(change(&id.to_string())).unwrap();
            }
            shard.wait_until_indexed(&|| Ok(())).unwrap();
        };
        write(0..20);
        let mut removal = crate::storage::Change::default();
        removal.remove("0".to_owned());
        shard.apply(removal).unwrap();
        let view = shard.state().view();
        // Equally near, and more than are requested.
        write(20..100);
        let state = shard.state();
        let vectors = state.vectors.as_ref().unwrap();
        let search = VectorSearch { vectors, view: &view, filtered: None, tuning: Tuning::default() };
        let found = search.nearest(&[Query::new(vec![1.0, 2.0])], 19, &|| Ok(())).unwrap();
        assert_eq!(found[0].len(), 19);
    }
}
