//! Documents that match a filter.
//!
//! Tags of the configured `columns` are in memory once a search filters by them (see [`TagColumns`]). For other tags,
//! and to list documents, every stored document is evaluated: in storage order, which is fastest, or in id order where
//! the first ones suffice. Only its tags are decoded, unless the filter names other fields.

use std::cmp::Ordering;
use std::sync::Arc;

use flowrun_sdk::filter::{Filter, Scalar, StoredDocument};
use flowrun_sdk::{Document, ExecutorError};

use super::matches::AnswerBudget;
use super::transaction::ReadTransaction;
use crate::shard::cancellation::CancelCheck;
use crate::shard::row_set::RowSet;
use crate::shard::state::{TagColumns, View};
use crate::storage::{DocumentTags, StorageError};

/// Documents that are evaluated between two checks of the deadline.
const DOCUMENTS_PER_CHECK: usize = 1024;

/// A page of the documents that match a filter, and their order.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// Number of documents to skip.
    pub(crate) offset: usize,
    /// Largest number of documents to return.
    pub(crate) limit: usize,
    /// Tag to order by; documents without it come last, equal tags in id order. `None` orders by id.
    pub(crate) order_by: Option<String>,
    /// True to order ascending.
    pub(crate) ascending: bool,
}

impl ReadTransaction<'_> {
    /// A page of the documents that match a filter.
    ///
    /// # Errors
    /// When data cannot be read, the answer would exceed its bounds, or those of `check`.
    pub(crate) fn find_matching(
        &self,
        filter: &Filter,
        page: &Page,
        check: CancelCheck<'_>,
    ) -> Result<Vec<Document>, ExecutorError> {
        let view = &self.view;
        let mut first = FirstDocuments { page, documents: Vec::new() };
        match &page.order_by {
            Some(name) => for_each_match(filter, view.table.documents_for(filter), check, |tagged| {
                let tag = tagged.tags.get(name).and_then(Scalar::from_json);
                first.push(tagged.id, tag)
            })?,
            None => for_each_match(filter, view.table.documents_after("", filter), check, |tagged| {
                first.push(tagged.id, None)
            })?,
        }
        view.documents(first.into_ids())
    }

    /// Up to `limit` matching documents in id order, starting after the id `after`.
    ///
    /// # Errors
    /// Those of [`ReadTransaction::find_matching`].
    pub(crate) fn list(
        &self,
        filter: &Filter,
        after: Option<&str>,
        limit: usize,
        check: CancelCheck<'_>,
    ) -> Result<Vec<Document>, ExecutorError> {
        let view = &self.view;
        let mut ids = Vec::new();
        for_each_match(
            filter,
            view.table.documents_after(after.unwrap_or_default(), filter),
            check,
            |tagged| {
                ids.push(tagged.id);
                ids.len() < limit
            },
        )?;
        view.documents(ids.into_iter())
    }

    /// The ids of all documents that match a filter.
    ///
    /// # Errors
    /// When data cannot be read, or those of `check`.
    pub(crate) fn matching_ids(
        &self,
        filter: &Filter,
        check: CancelCheck<'_>,
    ) -> Result<Vec<String>, ExecutorError> {
        let mut ids = Vec::new();
        for_each_match(filter, self.view.table.documents_for(filter), check, |tagged| {
            ids.push(tagged.id);
            true
        })?;
        Ok(ids)
    }

    /// Returns whether a document, which may have changed since it was found, matches a filter.
    ///
    /// # Errors
    /// When data cannot be read.
    pub(crate) fn matches(&self, filter: &Filter, id: &str) -> Result<bool, StorageError> {
        let stored = self.document(id)?;
        Ok(stored.is_some_and(|document| {
            filter.matches(&StoredDocument { id, tags: &document.tags, document: Some(&document) })
        }))
    }

    /// Number of documents that match a filter.
    ///
    /// # Errors
    /// When data cannot be read, or those of `check`.
    pub(crate) fn count_matching(
        &self,
        filter: &Filter,
        check: CancelCheck<'_>,
    ) -> Result<u64, ExecutorError> {
        let mut count = 0;
        for_each_match(filter, self.view.table.documents_for(filter), check, |_| {
            count += 1;
            true
        })?;
        Ok(count)
    }
}

impl View {
    /// The documents of these ids, which must exist.
    fn documents(&self, ids: impl Iterator<Item = String>) -> Result<Vec<Document>, ExecutorError> {
        let mut budget = AnswerBudget::default();
        let document = |id: String| {
            let missing =
                || StorageError::damaged(self.table.path(), format_args!("document `{id}` is missing"));
            let document = self.table.document(&id)?.ok_or_else(missing)?;
            budget.charge(&document)?;
            Ok(document)
        };
        ids.map(document).collect()
    }

    /// The rows of the documents that match a filter.
    pub(super) fn matching_rows(
        &self,
        filter: &Filter,
        columns: &[String],
        check: CancelCheck<'_>,
    ) -> Result<Arc<RowSet>, ExecutorError> {
        if let Some(rows) = self.cached_filter(filter) {
            return Ok(rows);
        }
        let rows = match &self.tag_columns {
            Some(tags) if TagColumns::covers(columns, filter) => {
                tags.matching_rows(filter, self.counters.rows, &self.tombstones, check)?
            }
            _ => {
                let mut rows = RowSet::default();
                for_each_match(filter, self.table.documents_for(filter), check, |tagged| {
                    rows.extend(tagged.row);
                    true
                })?;
                rows
            }
        };
        let rows = Arc::new(rows);
        self.cache_filter(filter, &rows);
        Ok(rows)
    }
}

/// Passes the matching documents to `accept`, until that returns false.
fn for_each_match(
    filter: &Filter,
    stored: impl Iterator<Item = Result<DocumentTags, StorageError>>,
    check: CancelCheck<'_>,
    mut accept: impl FnMut(DocumentTags) -> bool,
) -> Result<(), ExecutorError> {
    for (number, tagged) in stored.enumerate() {
        if number % DOCUMENTS_PER_CHECK == 0 {
            check()?;
        }
        let tagged = tagged?;
        if filter.matches(&tagged.fields()) && !accept(tagged) {
            break;
        }
    }
    Ok(())
}

/// The first documents in the order of a page, up to the end of the page.
struct FirstDocuments<'a> {
    page: &'a Page,
    documents: Vec<(Option<Scalar>, String)>,
}

impl FirstDocuments<'_> {
    fn end(&self) -> usize {
        self.page.offset.saturating_add(self.page.limit)
    }

    /// Adds a document; without an order tag, documents come in id order. Returns whether more are needed.
    fn push(&mut self, id: String, tag: Option<Scalar>) -> bool {
        self.documents.push((tag, id));
        if self.page.order_by.is_none() {
            return self.documents.len() < self.end();
        }
        // Cut only when twice as many as needed are held, so that the work stays linear.
        if self.documents.len() >= self.end().saturating_mul(2).max(DOCUMENTS_PER_CHECK) {
            self.cut();
        }
        true
    }

    /// Sorts the documents and drops those beyond the page.
    fn cut(&mut self) {
        let ascending = self.page.ascending;
        self.documents.sort_by(|a, b| compare(&a.0, &b.0, ascending).then_with(|| a.1.cmp(&b.1)));
        self.documents.truncate(self.end());
    }

    fn into_ids(mut self) -> impl Iterator<Item = String> {
        self.cut();
        self.documents.into_iter().skip(self.page.offset).map(|(_, id)| id)
    }
}

/// Compares two tags; a missing tag is last.
fn compare(a: &Option<Scalar>, b: &Option<Scalar>, ascending: bool) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if ascending => a.compare(b),
        (Some(a), Some(b)) => b.compare(a),
        (a, b) => a.is_none().cmp(&b.is_none()),
    }
}
