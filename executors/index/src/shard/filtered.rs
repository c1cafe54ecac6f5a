//! The documents that a filter means.
//!
//! Tags that `columns` names are in memory once a search filters by them (see [`super::tags`]). For all others, and for
//! lists, every stored document is judged, and of each only the tags are read: in the order in which they are stored, which
//! is fastest, or of ids, where the first ones are enough. What is found is what was there when the reading began to hold
//! the shard's lock, as for every search.

use std::cmp::Ordering;
use std::sync::Arc;

use flowrun_sdk::filter::{Filter, Scalar};
use flowrun_sdk::{Document, ExecutorError};

use super::answer::Check;
use super::tags::TagColumns;
use super::view::View;
use super::{AnswerBudget, RowSet, Shard};
use crate::storage::{DocumentTags, StorageError};

/// How many documents are judged before the deadline is looked at again.
const DOCUMENTS_PER_CHECK: usize = 1024;

/// Which of the documents that a filter means are wanted, and in which order.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// How many are passed over.
    pub(crate) offset: usize,
    /// How many are wanted then, at the most.
    pub(crate) limit: usize,
    /// The tag that they are ordered by, those without it last; the order of ids where there is none, and where tags are
    /// equal.
    pub(crate) order_by: Option<String>,
    /// Whether small tags come first.
    pub(crate) ascending: bool,
}

impl Shard {
    /// The documents that a filter means.
    ///
    /// # Errors
    /// When data cannot be read, the answer would outgrow its bounds, or `check` says to give up.
    pub(crate) fn find_matching(
        &self,
        filter: &Filter,
        page: &Page,
        check: Check<'_>,
    ) -> Result<Vec<Document>, ExecutorError> {
        let state = self.read();
        let view = state.view();
        let mut first = First { page, held: Vec::new() };
        match &page.order_by {
            Some(name) => each_meant(filter, view.table.tags(), check, |tagged| {
                let tag = tagged.tags.get(name).and_then(Scalar::from_json);
                first.push(tagged.id, tag)
            })?,
            None => {
                each_meant(filter, view.table.tags_after(""), check, |tagged| first.push(tagged.id, None))?
            }
        }
        view.documents(first.into_ids())
    }

    /// Documents in the order of their ids, those behind `after`, as many as `limit`.
    ///
    /// # Errors
    /// As for [`Shard::find_matching`].
    pub(crate) fn list(
        &self,
        filter: &Filter,
        after: Option<&str>,
        limit: usize,
        check: Check<'_>,
    ) -> Result<Vec<Document>, ExecutorError> {
        let state = self.read();
        let view = state.view();
        let mut ids = Vec::new();
        each_meant(filter, view.table.tags_after(after.unwrap_or_default()), check, |tagged| {
            ids.push(tagged.id);
            ids.len() < limit
        })?;
        view.documents(ids.into_iter())
    }

    /// The ids of all documents that a filter means.
    ///
    /// # Errors
    /// When data cannot be read, or `check` says to give up.
    pub(crate) fn matching_ids(
        &self,
        filter: &Filter,
        check: Check<'_>,
    ) -> Result<Vec<String>, ExecutorError> {
        let mut ids = Vec::new();
        let state = self.read();
        each_meant(filter, state.view().table.tags(), check, |tagged| {
            ids.push(tagged.id);
            true
        })?;
        Ok(ids)
    }

    /// How many documents a filter means.
    ///
    /// # Errors
    /// When data cannot be read, or `check` says to give up.
    pub(crate) fn count_matching(&self, filter: &Filter, check: Check<'_>) -> Result<u64, ExecutorError> {
        let mut count = 0;
        let state = self.read();
        each_meant(filter, state.view().table.tags(), check, |_| {
            count += 1;
            true
        })?;
        Ok(count)
    }
}

impl View {
    /// The documents of these ids, which are stored.
    fn documents(&self, ids: impl Iterator<Item = String>) -> Result<Vec<Document>, ExecutorError> {
        let mut bytes = AnswerBudget::default();
        let document = |id: String| {
            let missing =
                || StorageError::damaged(self.table.path(), format_args!("document `{id}` is missing"));
            let document = self.table.document(&id)?.ok_or_else(missing)?;
            bytes.charge(&document)?;
            Ok(document)
        };
        ids.map(document).collect()
    }

    /// The rows of the documents that a filter means.
    pub(super) fn rows_of(
        &self,
        filter: &Filter,
        columns: &[String],
        check: Check<'_>,
    ) -> Result<Arc<RowSet>, ExecutorError> {
        if let Some(rows) = self.remembered(filter) {
            return Ok(rows);
        }
        let rows = match &self.tags {
            Some(tags) if TagColumns::covers(columns, filter) => {
                tags.rows_of(filter, self.counters.rows, &self.dead, check)?
            }
            _ => {
                let mut rows = RowSet::default();
                each_meant(filter, self.table.tags(), check, |tagged| {
                    rows.extend(tagged.row);
                    true
                })?;
                rows
            }
        };
        let rows = Arc::new(rows);
        self.remember(filter, &rows);
        Ok(rows)
    }
}

/// Hands over each of these documents that a filter means, until no more are wanted.
fn each_meant(
    filter: &Filter,
    stored: impl Iterator<Item = Result<DocumentTags, StorageError>>,
    check: Check<'_>,
    mut accept: impl FnMut(DocumentTags) -> bool,
) -> Result<(), ExecutorError> {
    for (number, tagged) in stored.enumerate() {
        if number % DOCUMENTS_PER_CHECK == 0 {
            check()?;
        }
        let tagged = tagged?;
        if filter.matches(&tagged.tags) && !accept(tagged) {
            break;
        }
    }
    Ok(())
}

/// The first documents of an order, up to the end of a page.
struct First<'a> {
    page: &'a Page,
    held: Vec<(Option<Scalar>, String)>,
}

impl First<'_> {
    fn end(&self) -> usize {
        self.page.offset.saturating_add(self.page.limit)
    }

    /// Sees a document; without a tag to order by, in the order of ids. Says whether more are wanted.
    fn push(&mut self, id: String, tag: Option<Scalar>) -> bool {
        self.held.push((tag, id));
        if self.page.order_by.is_none() {
            return self.held.len() < self.end();
        }
        // Dropped now and then rather than each time, so that the work stays proportional.
        if self.held.len() >= self.end().saturating_mul(2).max(DOCUMENTS_PER_CHECK) {
            self.cut();
        }
        true
    }

    /// Puts what is held in order, and drops what is beyond the page.
    fn cut(&mut self) {
        let ascending = self.page.ascending;
        self.held.sort_by(|a, b| compare(&a.0, &b.0, ascending).then_with(|| a.1.cmp(&b.1)));
        self.held.truncate(self.end());
    }

    fn into_ids(mut self) -> impl Iterator<Item = String> {
        self.cut();
        self.held.into_iter().skip(self.page.offset).map(|(_, id)| id)
    }
}

/// The order of two tags, what is missing last.
fn compare(a: &Option<Scalar>, b: &Option<Scalar>, ascending: bool) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if ascending => a.compare(b),
        (Some(a), Some(b)) => b.compare(a),
        (a, b) => a.is_none().cmp(&b.is_none()),
    }
}
