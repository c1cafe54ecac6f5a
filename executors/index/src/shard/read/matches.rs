//! Loads the documents of the nearest rows as matches.
//!
//! An answer is ordered by (distance, id), so that the answers of several shards merge into that of an unsharded
//! index. Any number of rows may have the same distance; their ids decide which belong to the answer.

use std::collections::BinaryHeap;

use flowrun_sdk::{Document, ExecutorError};

use super::nearest::{Nearest, Ranked};
use crate::shard::cancellation::CancelCheck;
use crate::shard::state::View;

/// Largest number of matches of one request, over all of its queries. With scores and tags a match takes a kilobyte
/// or more, so that this many fill [`ANSWER_BYTES_MAX`].
const MATCHES_MAX: usize = 1 << 18;
/// Limit on the bytes of stored documents in one answer: the bytes that a request may hold inside a flow.
const ANSWER_BYTES_MAX: usize = 256 << 20;
/// Number of ids that are looked up between two checks of the deadline.
const IDS_PER_CHECK: usize = 4096;

/// A stored document and its distance to the query.
#[derive(Debug)]
pub(crate) struct Match {
    /// Exact distance under the metric of the index.
    pub(crate) distance: f32,
    pub(crate) document: Document,
}

/// Rejects requests that may have too many matches.
///
/// # Errors
/// [`flowrun_sdk::ErrorKind::Parameter`] above [`MATCHES_MAX`].
pub(super) fn check_match_count(queries: usize, k: usize) -> Result<(), ExecutorError> {
    if queries.saturating_mul(k) <= MATCHES_MAX {
        return Ok(());
    }
    Err(ExecutorError::parameter(
        "top_k",
        format_args!(
            "{queries} queries with {k} matches each exceed the {MATCHES_MAX} matches that one request may have: \
             request fewer, or send fewer documents in a request (`request_size`)"
        ),
    ))
}

/// Counts the bytes of an answer while it is assembled.
#[derive(Debug)]
pub(crate) struct AnswerBudget {
    bytes_left: usize,
}

impl Default for AnswerBudget {
    fn default() -> Self {
        Self { bytes_left: ANSWER_BYTES_MAX }
    }
}

impl AnswerBudget {
    /// Takes the size of a document from the budget.
    ///
    /// # Errors
    /// [`flowrun_sdk::ErrorKind::Input`] when the answer exceeds its bound.
    pub(crate) fn charge(&mut self, document: &Document) -> Result<(), ExecutorError> {
        let left = self.bytes_left.checked_sub(document.memory_bytes());
        self.bytes_left = left.ok_or_else(|| {
            ExecutorError::input(format_args!(
                "the requested documents exceed the {ANSWER_BYTES_MAX} bytes that one answer may have: \
                 request fewer (`top_k` or `limit`), or send fewer documents in a request (`request_size`)"
            ))
        })?;
        Ok(())
    }
}

impl View {
    /// Loads the documents of the nearest rows.
    pub(super) fn matches(
        &self,
        nearest: Nearest,
        budget: &mut AnswerBudget,
        check: CancelCheck<'_>,
    ) -> Result<Vec<Match>, ExecutorError> {
        let Ranked { certain, tied, distance, tied_count } = nearest.into_ranked();
        let mut matched = |distance, row| {
            let document = self.table.document_of_row(row)?;
            budget.charge(&document)?;
            Ok::<_, ExecutorError>(Match { distance, document })
        };
        let certain = certain.into_iter().map(|(distance, row)| matched(distance, row));
        let mut matches = certain.collect::<Result<Vec<_>, _>>()?;
        for row in self.smallest_ids(tied, tied_count, check)? {
            matches.push(matched(distance, row)?);
        }
        matches.sort_unstable_by(|a, b| {
            a.distance.total_cmp(&b.distance).then_with(|| a.document.id.cmp(&b.document.id))
        });
        Ok(matches)
    }

    /// Selects the rows with the `count` smallest ids. No more ids than these are in memory at a time.
    fn smallest_ids(
        &self,
        rows: Vec<u64>,
        count: usize,
        check: CancelCheck<'_>,
    ) -> Result<Vec<u64>, ExecutorError> {
        if rows.len() <= count {
            return Ok(rows);
        }
        let mut first: BinaryHeap<(String, u64)> = BinaryHeap::new();
        for (number, row) in rows.into_iter().enumerate() {
            if number % IDS_PER_CHECK == 0 {
                check()?;
            }
            let named = (self.table.id_of_row(row)?, row);
            if first.len() < count {
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

    use super::*;
    use crate::metric::Query;
    use crate::shard::tests::shard;
    use crate::shard::{OpenShard, SearchParams};
    use crate::storage::{Change, Put};

    /// Stores `count` documents with the same vector, the last id in the first row.
    fn copies(directory: &std::path::Path, count: u64) -> Arc<OpenShard> {
        let mut change = Change::default();
        for number in (0..count).rev() {
            let id = format!("{number:05}");
            let document = flowrun_sdk::protobuf::encode(&Document::new(&id));
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
    fn ties_are_broken_by_id_and_the_search_can_be_cancelled() {
        let directory = tempfile::tempdir().unwrap();
        let rows = 3 * IDS_PER_CHECK as u64;
        let shard = copies(directory.path(), rows);
        let state = shard.state().view();
        let checks = Cell::new(0);
        let at_most = |most: usize| {
            checks.set(0);
            let check = || {
                checks.set(checks.get() + 1);
                let cancelled = || ExecutorError::new(ErrorKind::Cancelled, "cancelled");
                (checks.get() <= most).then_some(()).ok_or_else(cancelled)
            };
            state.matches(tied(rows, 3), &mut AnswerBudget::default(), &check)
        };
        let found: Vec<String> = at_most(9).unwrap().into_iter().map(|found| found.document.id).collect();
        assert_eq!((found, checks.get()), (["00000", "00001", "00002"].map(str::to_owned).to_vec(), 3));
        assert_eq!(at_most(2).unwrap_err().kind(), ErrorKind::Cancelled);
    }

    #[test]
    fn an_answer_above_the_byte_limit_is_rejected() {
        let directory = tempfile::tempdir().unwrap();
        let shard = copies(directory.path(), 10);
        let state = shard.state().view();
        let bytes = Document::new("00000").memory_bytes();
        let answer = |left| state.matches(tied(10, 4), &mut AnswerBudget { bytes_left: left }, &|| Ok(()));
        assert_eq!(answer(4 * bytes).unwrap().len(), 4);
        let error = answer(4 * bytes - 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(
            error.message().contains("exceed the 268435456 bytes that one answer may have: request fewer")
        );
    }

    #[test]
    fn too_many_matches_are_rejected_before_the_search() {
        let directory = tempfile::tempdir().unwrap();
        let shard = copies(directory.path(), 1000);
        let queries: Vec<Query> = (0..MATCHES_MAX / 1000 + 1).map(|_| Query::new(vec![1.0, 2.0])).collect();
        let untouched = || panic!("the search began");
        let error = shard
            .search(&queries, &SearchParams { k: 10_000, ..SearchParams::default() }, &untouched)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Parameter);
        let expected =
            "263 queries with 1000 matches each exceed the 262144 matches that one request may have";
        assert!(error.message().contains(expected), "{error}");
        // `k` is counted only up to the number of stored documents.
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
