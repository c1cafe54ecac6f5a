//! Handlers of the endpoints that the vector indexer and the document store share: `/index`, `/update`, `/delete`,
//! `/list`, `/count`, `/status`, `/clear`; and of `/get`, `/backup`, `/restore` of the vector indexer.
//!
//! They translate requests into operations of the shard ([`crate::shard`]), which owns locking, durability and search.
//! All other endpoints are handled by [`crate::vector_indexer`] and [`crate::document_store`].

mod backup;
mod put;
mod read;
mod write;

use std::sync::Arc;

use flowrun_sdk::filter::Filter;
use flowrun_sdk::{AccessPaths, Call, ExecutorError};

pub(crate) use put::PutFormat;

use crate::columns::Columns;
use crate::metric::Metric;
use crate::shard::OpenShard;
use crate::stored_fields::StoredFields;

/// Handlers for one shard.
#[derive(Debug)]
pub(crate) struct Handlers {
    pub(crate) shard: Arc<OpenShard>,
    /// Metric of the vectors; `None` when documents are stored without vectors.
    pub(crate) metric: Option<Metric>,
    /// Documents that are stored when the request does not set `access_paths`.
    pub(crate) access_paths: AccessPaths,
    /// Fields of a document that are stored.
    pub(crate) stored_fields: StoredFields,
    /// Name of the pod if it is `read_only`; `None` if documents may be changed.
    pub(crate) read_only: Option<String>,
    /// Tags that filters may name.
    pub(crate) columns: Columns,
    /// Tag with the time at which a document expires; `None` for documents that never expire.
    pub(crate) expires: Option<String>,
}

impl Handlers {
    /// Handles a call of a shared endpoint: `/index`, `/update`, `/delete`, `/list`, `/count`, `/status` or `/clear`. Calls
    /// of other endpoints are ignored.
    pub(crate) fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        match call.endpoint() {
            "/index" => self.index(call),
            "/update" => self.update(call),
            "/delete" => self.delete(call),
            "/list" => self.list(call),
            "/count" => self.count(call),
            "/status" => self.status(call),
            "/clear" => {
                self.check_writable(call)?;
                Ok(self.shard.clear()?)
            }
            _ => Ok(()),
        }
    }

    /// `/status`: reports the state of the shard, with `settled: true` after the FAISS index covers every row.
    fn status(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        if call.parameter("settled")?.unwrap_or(false) {
            self.shard.wait_until_indexed(&|| call.check())?;
        }
        for (name, value) in self.shard.read_transaction().status() {
            call.set_result(name, value);
        }
        Ok(())
    }

    /// Adds a warning to the reply if the filter has a name that no stored document has; `is_empty` is true if nothing
    /// matched. Skipped where every name is known: with configured columns, and if a document matched a filter that matches
    /// only documents with all of its fields.
    pub(crate) fn note_unknown_names(
        &self,
        call: &mut Call<'_>,
        filter: Option<&Filter>,
        is_empty: bool,
    ) -> Result<(), ExecutorError> {
        if let Some(filter) = filter.filter(|filter| is_empty || filter.may_match_without_a_field())
            && self.columns.allow_any()
            && let Some(note) = self.shard.unknown_names(filter, &|| call.check())?.describe()
        {
            call.set_result("warning", format!("filter: {note}"));
        }
        Ok(())
    }

    fn check_writable(&self, call: &Call<'_>) -> Result<(), ExecutorError> {
        let Some(pod) = &self.read_only else { return Ok(()) };
        let endpoint = call.endpoint();
        Err(ExecutorError::resource(format_args!(
            "`{endpoint}` would change the data of `{pod}`, which is `read_only: true`"
        )))
    }
}
