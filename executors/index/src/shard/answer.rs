//! From the nearest rows to their documents.
//!
//! An answer is ordered by (distance, id), so that the answers of several shards merge into that of one. Any number of
//! rows may be equally far; of these only the ids decide.

use std::collections::BinaryHeap;

use flowrun_sdk::{Document, ExecutorError};

use super::nearest::{Nearest, Ranked};
use super::view::View;

/// Matches of one request, over all of its queries. With scores and tags a match takes a kilobyte or more, so that
/// these fill what the next bound allows.
const MATCHES_MAX: usize = 1 << 18;
/// Bytes of stored documents that one answer may hold: as many as a request may hold inside a flow.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// How many ids are looked up before the deadline is looked at again.
const IDS_PER_CHECK: usize = 4096;

/// Says whether the search is still worth finishing.
pub(super) type Check<'a> = &'a dyn Fn() -> Result<(), ExecutorError>;

/// A stored document and how far it is.
#[derive(Debug)]
pub(crate) struct Match {
    pub(crate) distance: f32,
    pub(crate) document: Document,
}

/// Whether so many matches may be put together.
pub(super) fn check_count(queries: usize, k: usize) -> Result<(), ExecutorError> {
    if queries.saturating_mul(k) <= MATCHES_MAX {
        return Ok(());
    }
    Err(ExecutorError::parameter(
        "top_k",
        format_args!(
            "{queries} queries with {k} matches each are more than the {MATCHES_MAX} matches that one request may \
             have: ask for fewer, or send fewer documents in a request (`request_size`)"
        ),
    ))
}

/// Counts what an answer holds while it is put together.
#[derive(Debug)]
pub(crate) struct AnswerBudget {
    left: usize,
}

impl Default for AnswerBudget {
    fn default() -> Self {
        Self { left: ANSWER_BYTES_MAX }
    }
}

impl AnswerBudget {
    /// Counts a document.
    ///
    /// # Errors
    /// [`flowrun_sdk::ErrorKind::Input`] when the answer has become too large.
    pub(crate) fn charge(&mut self, document: &Document) -> Result<(), ExecutorError> {
        let left = self.left.checked_sub(document.memory_bytes());
        self.left = left.ok_or_else(|| {
            ExecutorError::input(format_args!(
                "the stored documents that are asked for hold more than the {ANSWER_BYTES_MAX} bytes that one answer \
                 may have: ask for fewer (`top_k` or `limit`), or send fewer documents in a request (`request_size`)"
            ))
        })?;
        Ok(())
    }
}

impl View {
    /// The documents of the nearest rows.
    pub(super) fn matches(
        &self,
        nearest: Nearest,
        bytes: &mut AnswerBudget,
        check: Check<'_>,
    ) -> Result<Vec<Match>, ExecutorError> {
        let Ranked { certain, tied, distance, places } = nearest.into_ranked();
        let mut matched = |distance, row| {
            let document = self.table.document_of_row(row)?;
            bytes.charge(&document)?;
            Ok::<_, ExecutorError>(Match { distance, document })
        };
        let certain = certain.into_iter().map(|(distance, row)| matched(distance, row));
        let mut matches = certain.collect::<Result<Vec<_>, _>>()?;
        for row in self.first_rows(tied, places, check)? {
            matches.push(matched(distance, row)?);
        }
        matches.sort_unstable_by(|a, b| {
            a.distance.total_cmp(&b.distance).then_with(|| a.document.id.cmp(&b.document.id))
        });
        Ok(matches)
    }

    /// Of these rows those of the first `places` ids. No more ids than these are in memory at a time.
    fn first_rows(&self, rows: Vec<u64>, places: usize, check: Check<'_>) -> Result<Vec<u64>, ExecutorError> {
        if rows.len() <= places {
            return Ok(rows);
        }
        let mut first: BinaryHeap<(String, u64)> = BinaryHeap::new();
        for (number, row) in rows.into_iter().enumerate() {
            if number % IDS_PER_CHECK == 0 {
                check()?;
            }
            let named = (self.table.id_of_row(row)?, row);
            if first.len() < places {
                first.push(named);
            } else if let Some(mut last) = first.peek_mut()
                && named < *last
            {
                *last = named;
            }
        }
        Ok(first.into_iter().map(|(_, row)| row).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;

    use flowrun_sdk::ErrorKind;

    use super::super::tests::shard;
    use super::super::{Change, OpenShard, SearchParams};
    use super::*;
    use crate::metric::Query;
    use crate::storage::Put;

    /// That many documents at one place, the last id in the first row.
    fn copies(directory: &std::path::Path, count: u64) -> Arc<OpenShard> {
        let mut change = Change::default();
        for number in (0..count).rev() {
            let id = format!("{number:05}");
            let document = flowrun_sdk::wire::encode(&Document::new(&id));
            change.put(Put { id, parent_id: String::new(), document, vector: Some(vec![1.0, 2.0]) });
        }
        let shard = shard(directory);
        shard.apply(change).unwrap();
        shard
    }

    fn tied(rows: u64, k: usize) -> Nearest {
        let mut nearest = Nearest::new(k);
        (0..rows).for_each(|row| nearest.push(0.5, row));
        nearest
    }

    #[test]
    fn of_many_that_are_equally_far_the_first_ids_are_found_unless_nobody_waits() {
        let directory = tempfile::tempdir().unwrap();
        let rows = 3 * IDS_PER_CHECK as u64;
        let shard = copies(directory.path(), rows);
        let state = shard.state.read().view();
        let checks = Cell::new(0);
        let at_most = |most: usize| {
            checks.set(0);
            let check = || {
                checks.set(checks.get() + 1);
                let given_up = || ExecutorError::new(ErrorKind::Cancelled, "given up");
                (checks.get() <= most).then_some(()).ok_or_else(given_up)
            };
            state.matches(tied(rows, 3), &mut AnswerBudget::default(), &check)
        };
        let found: Vec<String> = at_most(9).unwrap().into_iter().map(|found| found.document.id).collect();
        assert_eq!((found, checks.get()), (["00000", "00001", "00002"].map(str::to_owned).to_vec(), 3));
        assert_eq!(at_most(2).unwrap_err().kind(), ErrorKind::Cancelled);
    }

    #[test]
    fn an_answer_ends_at_its_bound_of_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let shard = copies(directory.path(), 10);
        let state = shard.state.read().view();
        let bytes = Document::new("00000").memory_bytes();
        let answer = |left| state.matches(tied(10, 4), &mut AnswerBudget { left }, &|| Ok(()));
        assert_eq!(answer(4 * bytes).unwrap().len(), 4);
        let error = answer(4 * bytes - 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(
            error.message().contains("more than the 268435456 bytes that one answer may have: ask for fewer")
        );
    }

    #[test]
    fn queries_and_matches_are_counted_before_any_is_searched_for() {
        let directory = tempfile::tempdir().unwrap();
        let shard = copies(directory.path(), 1000);
        let queries: Vec<Query> = (0..MATCHES_MAX / 1000 + 1).map(|_| Query::new(vec![1.0, 2.0])).collect();
        let untouched = || panic!("the search began");
        let error = shard
            .search(&queries, &SearchParams { k: 10_000, ..SearchParams::default() }, &untouched)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Parameter);
        let expected =
            "263 queries with 1000 matches each are more than the 262144 matches that one request may have";
        assert!(error.message().contains(expected), "{error}");
        // What is not there is not counted.
        let removed = (10..1000).map(|number| format!("{number:05}"));
        let mut removal = Change::default();
        removed.for_each(|id| removal.remove(id));
        shard.apply(removal).unwrap();
        let found = shard
            .search(&queries, &SearchParams { k: 10_000, ..SearchParams::default() }, &|| Ok(()))
            .unwrap();
        assert!(found.iter().all(|matches| matches.len() == 10));
    }
}
