//! Finding the nearest documents.
//!
//! FAISS proposes candidates; exact distances decide. An exact index must lead to the exact answer, ties and all: the
//! candidates are enough only when the worst of them is, beyond all rounding, farther than the last row of the
//! answer. Else more are asked for, and in the end every row is compared. How rows become documents is in
//! [`super::answer`].

use std::ops::Range;

use flowrun_sdk::filter::Filter;
use flowrun_sdk::{ExecutorError, tracing};

use super::answer::{AnswerBytes, Check, Match, check_count};
use super::vectors::Vectors;
use super::{Nearest, RowSet, Shard};
use crate::derived::{Candidates, push_native};
use crate::metric::Query;
use crate::storage::StorageError;

/// Candidates beyond the answer: room for ties and dead rows.
const MARGIN: usize = 16;
/// Where FAISS does not see whole vectors, this many candidates for each place of the answer.
const OVERSAMPLING: usize = 5;
/// Candidates at least where FAISS does not see whole vectors.
const APPROXIMATE_MIN: usize = 50;
/// Where nearly all rows are dead, candidates are not multiplied without end: comparing the living is faster.
const ROWS_PER_LIVE_MAX: u64 = 64;
/// How often FAISS is asked for more candidates before every row is compared.
const ROUNDS: u32 = 3;
/// How many times more each time.
const WIDENING: usize = 4;
/// Candidates in memory at a time, over all queries: 12 bytes each.
const CANDIDATES_MAX: usize = 1 << 20;
/// How many rows are compared before the deadline is looked at again.
const ROWS_PER_CHECK: u64 = 4096;

impl Shard {
    /// For each query the `k` nearest documents, or all when there are fewer, in the order of (distance, id). With a
    /// filter, the nearest of those that it means.
    ///
    /// # Errors
    /// When data cannot be read, a query has another dimension than the index, the answer would outgrow its bounds, or
    /// `check` says to give up.
    pub(crate) fn search(
        &self,
        queries: &[Query],
        k: usize,
        filter: Option<&Filter>,
        check: Check<'_>,
    ) -> Result<Vec<Vec<Match>>, ExecutorError> {
        let state = self.read();
        let meant = filter.map(|filter| state.rows_of(filter, check)).transpose()?;
        let nearest = match &state.vectors {
            Some(vectors) => Scope { vectors, meant: meant.as_ref() }.nearest(queries, k, check)?,
            None => Vec::new(),
        };
        let mut answers = Vec::with_capacity(queries.len());
        let mut bytes = AnswerBytes::default();
        for nearest in nearest {
            answers.push(state.matches(nearest, &mut bytes, check)?);
        }
        answers.resize_with(queries.len(), Vec::new);
        Ok(answers)
    }
}

/// The rows that a request searches among.
struct Scope<'a> {
    vectors: &'a Vectors,
    /// Those that its filter means, all of them living; `None` for all that live.
    meant: Option<&'a RowSet>,
}

impl Scope<'_> {
    /// How many rows are searched among.
    fn count(&self) -> u64 {
        self.meant.map_or_else(|| self.vectors.live(), RowSet::len)
    }

    fn contains(&self, row: u64) -> bool {
        match self.meant {
            Some(meant) => meant.contains(row),
            None => !self.vectors.dead.contains(row),
        }
    }

    /// Whether so few rows are meant that comparing these is less work than anything else.
    fn is_sparse(&self) -> bool {
        self.meant.is_some_and(|meant| meant.len() < self.vectors.rows / ROWS_PER_LIVE_MAX)
    }

    /// For each query the nearest rows.
    fn nearest(&self, queries: &[Query], k: usize, check: Check<'_>) -> Result<Vec<Nearest>, ExecutorError> {
        let dimension = self.vectors.file.dimension();
        if let Some(query) = queries.iter().find(|query| query.vector.len() != dimension) {
            return Err(ExecutorError::input(format_args!(
                "the embedding has {} dimensions, the index {dimension}",
                query.vector.len()
            )));
        }
        let k = usize::try_from(self.count()).unwrap_or(usize::MAX).min(k);
        if k == 0 {
            return Ok(Vec::new());
        }
        check_count(queries.len(), k)?;
        let mut searches: Vec<Search<'_>> =
            queries.iter().map(|query| Search { query, nearest: Nearest::new(k) }).collect();
        let covered = self.vectors.derived.rows().min(self.vectors.rows);
        self.compare(searches.iter_mut(), covered..self.vectors.rows, check)?;
        let mut open: Vec<&mut Search<'_>> = searches.iter_mut().collect();
        let mut width = self.first_width(k);
        for _ in 0..ROUNDS {
            if open.is_empty() || covered == 0 || self.is_sparse() {
                break;
            }
            open = self.propose(open, k, width, covered, check)?;
            width = width.saturating_mul(WIDENING);
        }
        self.compare(open.into_iter(), 0..covered, check)?;
        Ok(searches.into_iter().map(|search| search.nearest).collect())
    }

    /// How many candidates are asked for first.
    fn first_width(&self, k: usize) -> usize {
        let live = if self.vectors.derived.kind().is_exact() {
            k + MARGIN
        } else {
            k.saturating_mul(OVERSAMPLING).max(APPROXIMATE_MIN)
        };
        // FAISS does not know which rows are dead: among its candidates they are as frequent as everywhere.
        let rows_per_live = (self.vectors.rows / self.count().max(1)).clamp(1, ROWS_PER_LIVE_MAX);
        live.saturating_mul(usize::try_from(rows_per_live).unwrap_or(1))
    }

    /// Lets FAISS propose candidates; returns the searches that these do not settle.
    fn propose<'a, 'b>(
        &self,
        mut open: Vec<&'a mut Search<'b>>,
        k: usize,
        width: usize,
        covered: u64,
        check: Check<'_>,
    ) -> Result<Vec<&'a mut Search<'b>>, ExecutorError> {
        let width = usize::try_from(covered).unwrap_or(usize::MAX).min(width).max(1);
        let mut unsettled = Vec::new();
        while !open.is_empty() {
            check()?;
            let rest = open.split_off(open.len().min((CANDIDATES_MAX / width).max(1)));
            let mut native = Vec::with_capacity(open.len() * self.vectors.file.dimension());
            open.iter()
                .for_each(|search| push_native(self.vectors.metric, &search.query.vector, &mut native));
            match self.vectors.derived.search(&native, width) {
                Ok(candidates) => {
                    for (number, search) in open.into_iter().enumerate() {
                        if !self.settle(search, number, &candidates, k)? {
                            unsettled.push(search);
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the index cannot be searched; every vector is compared");
                    unsettled.append(&mut open);
                }
            }
            open = rest;
        }
        Ok(unsettled)
    }

    /// Judges the candidates of one search. Unless they are enough, it is left as it was.
    fn settle(
        &self,
        search: &mut Search<'_>,
        number: usize,
        candidates: &Candidates,
        k: usize,
    ) -> Result<bool, StorageError> {
        let mut attempt = search.nearest.clone();
        let mut rows: Vec<u64> = candidates.of(number).map(|(row, _)| row).collect();
        let found = rows.len() as u64;
        rows.retain(|row| *row < self.vectors.rows && self.contains(*row));
        rows.sort_unstable();
        rows.dedup();
        self.vectors.file.read_each(rows, |row, vector| {
            attempt.push(self.vectors.metric.distance(search.query, vector), row);
            Ok::<_, StorageError>(())
        })?;
        let worst = candidates.of(number).last().map_or(f32::NAN, |(_, value)| value);
        let floor = self.vectors.approximation.floor(worst, search.query, self.vectors.norm_max);
        let is_enough = match attempt.last() {
            _ if found >= self.vectors.derived.rows() => true,
            Some(last) => !self.vectors.derived.kind().is_exact() || last < floor,
            None => false,
        };
        debug_assert!(!is_enough || attempt.len() >= k, "k is at most the number of rows searched among");
        if is_enough {
            search.nearest = attempt;
        }
        Ok(is_enough)
    }

    /// Compares every row of a range that is searched among.
    fn compare<'a, 'b: 'a>(
        &self,
        searches: impl Iterator<Item = &'a mut Search<'b>>,
        rows: Range<u64>,
        check: Check<'_>,
    ) -> Result<(), ExecutorError> {
        let mut searches: Vec<&mut Search<'_>> = searches.collect();
        if searches.is_empty() {
            return Ok(());
        }
        let mut seen: u64 = 0;
        let compare = |row, vector: &[f32]| {
            if seen.is_multiple_of(ROWS_PER_CHECK) {
                check()?;
            }
            seen += 1;
            if self.contains(row) {
                for search in &mut searches {
                    search.nearest.push(self.vectors.metric.distance(search.query, vector), row);
                }
            }
            Ok(())
        };
        match self.meant.filter(|_| self.is_sparse()) {
            Some(meant) => {
                let meant = meant.iter().filter(|row| rows.contains(row));
                self.vectors.file.read_each(meant, compare)
            }
            None => self.vectors.file.read(rows, compare),
        }
    }
}

/// One query and what was found for it so far.
struct Search<'a> {
    query: &'a Query,
    nearest: Nearest,
}
