//! Finding the nearest documents.
//!
//! FAISS proposes candidates; exact distances decide. An exact index must lead to the exact answer, ties and all: the
//! candidates are enough only when the worst of them is, beyond all rounding, farther than the last row of the
//! answer. Else more are asked for, and in the end every row is compared. How rows become documents is in
//! [`super::answer`].

use std::ops::Range;

use flowrun_sdk::filter::Filter;
use flowrun_sdk::{ExecutorError, tracing};

use super::answer::{AnswerBudget, Check, Match, check_count};
use super::tags::TagColumns;
use super::vectors::{Served, Vectors};
use super::view::View;
use super::{Nearest, RowSet, Shard, Use};
use crate::derived::{Candidates, Selected, Tuning, push_native};
use crate::metric::Query;
use crate::storage::StorageError;

/// Candidates beyond the answer: room for ties and dead rows.
const MARGIN: usize = 16;
/// Where FAISS does not see whole vectors, this many candidates for each place of the answer.
const OVERSAMPLING: usize = 10;
/// The most candidates that a request may ask for.
pub(crate) const RERANK_MAX: usize = 100_000;
/// Where nearly all rows are dead, candidates are not multiplied without end: comparing the living is faster.
const ROWS_PER_LIVE_MAX: u64 = 64;
/// So few rows are compared one by one before an index of codes or a graph is searched for them.
const COMPARED_ROWS_MAX: u64 = 10_000;
/// How often FAISS is asked for more candidates before every row is compared.
const ROUNDS: u32 = 3;
/// How many times more each time, and how many times as hard.
const WIDENING: usize = 4;
/// Candidates in memory at a time, over all queries: 12 bytes each.
const CANDIDATES_MAX: usize = 1 << 20;
/// How many rows are compared before the deadline is looked at again.
const ROWS_PER_CHECK: u64 = 4096;

/// What a request asks for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SearchParams<'a> {
    /// How many matches of each query.
    pub(crate) k: usize,
    /// Which documents may be matches.
    pub(crate) filter: Option<&'a Filter>,
    /// How hard the index is to try, where the request says so.
    pub(crate) tuning: Tuning,
}

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
        asked: &SearchParams<'_>,
        check: Check<'_>,
    ) -> Result<Vec<Vec<Match>>, ExecutorError> {
        let _entered = self.enter(Use::Ask, check)?;
        let columns = &self.settings.columns;
        if asked.filter.is_some_and(|filter| TagColumns::covers(columns, filter)) {
            self.fill_tags()?;
        }
        let state = self.read();
        let view = state.view();
        let meant = asked.filter.map(|filter| view.rows_of(filter, columns, check)).transpose()?;
        let nearest = match &state.vectors {
            Some(vectors) => {
                let scope = Scope { vectors, view: &view, meant: meant.as_deref(), tuning: asked.tuning };
                scope.nearest(queries, asked.k, check)?
            }
            None => Vec::new(),
        };
        let mut answers = Vec::with_capacity(queries.len());
        let mut bytes = AnswerBudget::default();
        for nearest in nearest {
            answers.push(view.matches(nearest, &mut bytes, check)?);
        }
        answers.resize_with(queries.len(), Vec::new);
        Ok(answers)
    }

    /// Takes tags into memory, if they are not there yet. Who writes waits.
    fn fill_tags(&self) -> Result<(), StorageError> {
        if self.read().view().tags.is_some() {
            return Ok(());
        }
        let _writing = self.writing.lock();
        self.read().fill_tags(&self.settings.columns)
    }
}

/// The rows that a request searches among.
struct Scope<'a> {
    vectors: &'a Vectors,
    view: &'a View,
    /// Those that its filter means, all of them living; `None` for all that live.
    meant: Option<&'a RowSet>,
    tuning: Tuning,
}

/// How FAISS is asked.
struct Round {
    /// How many candidates of each query.
    width: usize,
    /// How many times as hard as usual.
    times: usize,
}

impl Scope<'_> {
    /// How many rows there are, dead ones among them.
    fn rows(&self) -> u64 {
        self.view.counters.rows
    }

    /// How many rows are searched among.
    fn count(&self) -> u64 {
        self.meant.map_or_else(|| self.view.live(), RowSet::len)
    }

    fn contains(&self, row: u64) -> bool {
        match self.meant {
            Some(meant) => meant.contains(row),
            None => !self.view.dead.contains(row),
        }
    }

    /// How many rows there are for each that is searched among.
    fn rows_per_meant(&self) -> usize {
        usize::try_from(self.rows() / self.count().max(1)).unwrap_or(usize::MAX).max(1)
    }

    /// Whether so few rows are meant that comparing these is less work than anything else.
    fn is_sparse(&self, is_exact: bool) -> bool {
        let few = if is_exact { self.rows() / ROWS_PER_LIVE_MAX } else { COMPARED_ROWS_MAX };
        self.meant.is_some_and(|meant| meant.len() <= few)
    }

    /// What FAISS is told of the rows that are searched among. An exact index computes many distances at a time as long as
    /// it need not look at single rows, so of dead rows it is not told.
    fn selected(&self, served: &Served) -> Option<Selected<'_>> {
        let kind = served.derived.kind();
        match self.meant {
            _ if !kind.is_selective => None,
            Some(meant) => Some(Selected::Only(meant.words())),
            None if kind.is_exact() || self.view.dead.len() == 0 => None,
            None => Some(Selected::AllBut(self.view.dead.words())),
        }
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
        let (covered, is_sparse, mut round) = {
            let served = self.vectors.served.read();
            let is_sparse = self.is_sparse(served.derived.kind().is_exact());
            (served.derived.rows().min(self.rows()), is_sparse, self.first_round(&served, k))
        };
        self.compare(searches.iter_mut(), covered..self.rows(), is_sparse, check)?;
        let mut open: Vec<&mut Search<'_>> = searches.iter_mut().collect();
        for _ in 0..ROUNDS {
            if open.is_empty() || covered == 0 || is_sparse {
                break;
            }
            open = self.propose(open, k, &round, covered, check)?;
            round.width = round.width.saturating_mul(WIDENING);
            round.times = round.times.saturating_mul(WIDENING);
        }
        self.compare(open.into_iter(), 0..covered, is_sparse, check)?;
        Ok(searches.into_iter().map(|search| search.nearest).collect())
    }

    /// How FAISS is asked first.
    fn first_round(&self, served: &Served, k: usize) -> Round {
        let kind = served.derived.kind();
        let usual = if kind.is_lossy { k.saturating_mul(OVERSAMPLING) } else { k + MARGIN };
        let rerank = self.tuning.or(self.vectors.tuning).rerank;
        let width = rerank.filter(|_| kind.is_lossy).map_or(usual, |rerank| rerank.clamp(k, RERANK_MAX));
        // What is filtered out lies in the same lists and around the same places of a graph.
        let times = if kind.is_exact() || self.meant.is_none() { 1 } else { self.rows_per_meant() };
        if self.selected(served).is_some() {
            return Round { width, times };
        }
        // FAISS does not know which rows are meant: among its candidates they are as frequent as everywhere.
        let rows_per_live = self.rows_per_meant().min(usize::try_from(ROWS_PER_LIVE_MAX).unwrap_or(1));
        Round { width: width.saturating_mul(rows_per_live), times }
    }

    /// Lets FAISS propose candidates; returns the searches that these do not settle.
    fn propose<'a, 'b>(
        &self,
        mut open: Vec<&'a mut Search<'b>>,
        k: usize,
        round: &Round,
        covered: u64,
        check: Check<'_>,
    ) -> Result<Vec<&'a mut Search<'b>>, ExecutorError> {
        let width = usize::try_from(covered).unwrap_or(usize::MAX).min(round.width).max(1);
        let mut unsettled = Vec::new();
        while !open.is_empty() {
            check()?;
            let rest = open.split_off(open.len().min((CANDIDATES_MAX / width).max(1)));
            let mut native = Vec::with_capacity(open.len() * self.vectors.file.dimension());
            open.iter()
                .for_each(|search| push_native(self.vectors.metric, &search.query.vector, &mut native));
            match self.ask(&native, width, round.times, covered) {
                Some(proposal) => {
                    for (number, search) in open.into_iter().enumerate() {
                        if !self.settle(search, number, &proposal, k)? {
                            unsettled.push(search);
                        }
                    }
                }
                None => unsettled.append(&mut open),
            }
            open = rest;
        }
        Ok(unsettled)
    }

    /// What FAISS proposes, if it can be asked.
    fn ask(&self, native: &[f32], width: usize, times: usize, covered: u64) -> Option<Proposal> {
        let served = self.vectors.served.read();
        let derived = &served.derived;
        // Another index took the place of the one that covered these rows, and could not be given all of them.
        if derived.rows() < covered {
            return None;
        }
        let selected = self.selected(&served);
        let effort = derived.effort(self.tuning, times, selected);
        let candidates = derived.search(native, width, &effort);
        let candidates = candidates.inspect_err(|error| {
            tracing::warn!(%error, "the index cannot be searched; every vector is compared");
        });
        Some(Proposal {
            candidates: candidates.ok()?,
            covered,
            rows: self.proposable(derived.rows(), selected),
            is_exact: derived.kind().is_exact(),
            norm_max: served.norm_max,
        })
    }

    /// How many rows an index of so many can propose when it is told of some of them.
    fn proposable(&self, rows: u64, selected: Option<Selected<'_>>) -> u64 {
        match selected {
            None => rows,
            Some(Selected::Only(_)) => self.count(),
            // Those that were put in since the search began are not among the dead.
            Some(Selected::AllBut(_)) => self.count() + rows.saturating_sub(self.rows()),
        }
    }

    /// Judges the candidates of one search. Unless they are enough, it is left as it was.
    fn settle(
        &self,
        search: &mut Search<'_>,
        number: usize,
        proposal: &Proposal,
        k: usize,
    ) -> Result<bool, StorageError> {
        let mut attempt = search.nearest.clone();
        let candidates = &proposal.candidates;
        let mut rows: Vec<u64> = candidates.of(number).map(|(row, _)| row).collect();
        let found = rows.len();
        // Rows beyond were compared before.
        rows.retain(|row| *row < proposal.covered && self.contains(*row));
        rows.sort_unstable();
        rows.dedup();
        self.vectors.file.read_scattered(rows, |row, vector| {
            attempt.push(self.vectors.metric.distance(search.query, vector), row);
            Ok::<_, StorageError>(())
        })?;
        let worst = candidates.of(number).last().map_or(f32::NAN, |(_, value)| value);
        let floor = self.vectors.approximation.floor(worst, search.query, proposal.norm_max);
        let is_enough = match attempt.last() {
            _ if found as u64 >= proposal.rows => true,
            Some(last) => !proposal.is_exact || last < floor,
            None => false,
        };
        debug_assert!(!is_enough || attempt.len() >= k, "k is at most the number of rows searched among");
        if is_enough {
            search.nearest = attempt;
        }
        Ok(is_enough)
    }

    /// Compares every row of a range that is searched among; of few rows these alone are read.
    fn compare<'a, 'b: 'a>(
        &self,
        searches: impl Iterator<Item = &'a mut Search<'b>>,
        rows: Range<u64>,
        is_sparse: bool,
        check: Check<'_>,
    ) -> Result<(), ExecutorError> {
        let mut searches: Vec<&mut Search<'_>> = searches.collect();
        if searches.is_empty() || rows.is_empty() {
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
        match self.meant.filter(|_| is_sparse) {
            Some(meant) => {
                let meant = meant.iter().filter(|row| rows.contains(row));
                self.vectors.file.read_scattered(meant, compare)
            }
            None => self.vectors.file.read(rows, compare),
        }
    }
}

/// What FAISS proposed.
struct Proposal {
    candidates: Candidates,
    /// Rows from this one on were compared already.
    covered: u64,
    /// The rows that it could propose.
    rows: u64,
    is_exact: bool,
    norm_max: f64,
}

/// One query and what was found for it so far.
struct Search<'a> {
    query: &'a Query,
    nearest: Nearest,
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::Context;

    use super::super::tests::{change, settings};
    use super::*;
    use crate::derived::IndexChoice;
    use crate::storage::Fsync;

    #[test]
    fn rows_that_were_put_in_since_a_search_began_take_nobodys_place() {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(IndexChoice::new("HNSW8"), Fsync::Never);
        let shard = Shard::open(&Context::standalone(directory.path()), settings).unwrap();
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
        let view = shard.read().view();
        // As near, and more than are asked for.
        write(20..100);
        let state = shard.read();
        let vectors = state.vectors.as_ref().unwrap();
        let scope = Scope { vectors, view: &view, meant: None, tuning: Tuning::default() };
        let found = scope.nearest(&[Query::new(vec![1.0, 2.0])], 19, &|| Ok(())).unwrap();
        assert_eq!(found[0].len(), 19);
    }
}
