//! Searching for the documents nearest to query vectors.

use flowrun_sdk::ExecutorError;
use flowrun_sdk::filter::Filter;

use super::matches::{AnswerBudget, Match};
use super::transaction::ReadTransaction;
use super::vector_search::VectorSearch;
use crate::ann::Tuning;
use crate::metric::Query;
use crate::shard::cancellation::CancelCheck;
use crate::shard::index_cache::Purpose;
use crate::shard::shard_core::Shard;
use crate::shard::state::TagColumns;
use crate::storage::StorageError;

/// Parameters of a search.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SearchParams<'a> {
    /// Number of matches per query.
    pub(crate) k: usize,
    /// Restricts the matches to documents that match the filter.
    pub(crate) filter: Option<&'a Filter>,
    /// Search effort, where the request states it.
    pub(crate) tuning: Tuning,
}

impl Shard {
    /// For each query the `k` nearest documents, or all if there are fewer, ordered by (distance, id).
    ///
    /// # Errors
    /// When data cannot be read, a query has another dimension than the index, the answer would exceed its bounds, or those
    /// of `check`.
    pub(crate) fn search(
        &self,
        queries: &[Query],
        params: &SearchParams<'_>,
        check: CancelCheck<'_>,
    ) -> Result<Vec<Vec<Match>>, ExecutorError> {
        let _pin = self.pin(Purpose::Use, check)?;
        if params.filter.is_some_and(|filter| TagColumns::covers(&self.settings.columns, filter)) {
            self.load_tag_columns()?;
        }
        self.read_transaction().search(queries, params, check)
    }

    /// Loads the tags of the configured columns into memory, unless they are loaded. Writers wait meanwhile.
    fn load_tag_columns(&self) -> Result<(), StorageError> {
        if self.state().view().tag_columns.is_some() {
            return Ok(());
        }
        self.writer().load_tag_columns()
    }
}

impl ReadTransaction<'_> {
    fn search(
        &self,
        queries: &[Query],
        params: &SearchParams<'_>,
        check: CancelCheck<'_>,
    ) -> Result<Vec<Vec<Match>>, ExecutorError> {
        let columns = &self.shard.settings.columns;
        let rows = params.filter.map(|filter| self.view.matching_rows(filter, columns, check)).transpose()?;
        let nearest = match &self.state.vectors {
            Some(vectors) => {
                let filtered = rows.as_deref();
                let search = VectorSearch { vectors, view: &self.view, filtered, tuning: params.tuning };
                search.nearest(queries, params.k, check)?
            }
            None => Vec::new(),
        };
        let mut answers = Vec::with_capacity(queries.len());
        let mut budget = AnswerBudget::default();
        for nearest in nearest {
            answers.push(self.view.matches(nearest, &mut budget, check)?);
        }
        answers.resize_with(queries.len(), Vec::new);
        Ok(answers)
    }
}
