//! The executor: `/filter`, `/fill_embedding`, and the shared endpoints of [`crate::handlers`]; [`super::search`] has `/search`.

use flowrun_sdk::filter::Filter;
use flowrun_sdk::{AccessPaths, Call, Document, Executor, ExecutorError, Tensor};

use crate::handlers::Handlers;
use crate::metric::Metric;
use crate::shard::Page;

/// Endpoints of a vector indexer.
pub(crate) const ENDPOINTS: [&str; 13] = [
    "/index",
    "/update",
    "/delete",
    "/get",
    "/list",
    "/count",
    "/search",
    "/filter",
    "/fill_embedding",
    "/status",
    "/clear",
    "/backup",
    "/restore",
];
/// Endpoints that concern only documents that match the request's filter, so that shards without a match can be skipped.
/// `/delete` is excluded, because it also deletes documents by id.
pub(super) const FILTERED_ENDPOINTS: [&str; 4] = ["/search", "/filter", "/list", "/count"];
/// Default `limit` of `/filter`, as in AnnLite.
const FILTER_LIMIT: usize = 20;
/// Largest sum of `limit` and `offset` of `/filter`; up to this many document ids are held in memory.
const FILTER_WINDOW_MAX: usize = 100_000;

/// The executor of one shard.
#[derive(Debug)]
pub(super) struct VectorIndexer {
    pub(super) handlers: Handlers,
    /// Executor name, reported as `op_name` of scores.
    pub(super) name: &'static str,
    pub(super) metric: Metric,
    /// Query documents of requests that do not set `access_paths`.
    pub(super) access_paths: AccessPaths,
    /// Default number of matches per query.
    pub(super) top_k: usize,
    /// Default largest distance of a match; `None` for any.
    pub(super) max_distance: Option<f64>,
    /// Tag of a query document with a filter of its own; `None` to ignore such tags.
    pub(super) filter_tag: Option<String>,
    /// Id of the document that `/status` returns, for executors that return one.
    pub(super) status_id: Option<String>,
}

impl Executor for VectorIndexer {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        match call.endpoint() {
            "/search" => self.search(call),
            "/filter" => self.filter(call),
            "/get" => self.handlers.get(call),
            "/fill_embedding" => self.fill_embedding(call),
            "/status" => {
                self.handlers.execute(call)?;
                self.return_status_document(call);
                Ok(())
            }
            "/backup" => self.handlers.back_up(call),
            "/restore" => self.handlers.restore(call),
            _ => self.handlers.execute(call),
        }
    }

    fn close(&mut self) -> Result<(), ExecutorError> {
        self.handlers.shard.save_index();
        Ok(())
    }
}

impl VectorIndexer {
    /// Returns a document with AnnLite's tags. Stored vectors are searchable immediately, so none is being appended.
    fn return_status_document(&self, call: &mut Call<'_>) {
        let Some(id) = &self.status_id else { return };
        let vectors = self.handlers.shard.read_transaction().vector_count();
        let document = Document::new(id.as_str())
            .with_tag("total_docs", vectors)
            .with_tag("index_size", vectors)
            .with_tag("appending_size", 0);
        call.set_documents(vec![document]);
    }

    /// `/filter`: replaces the documents of the request with stored documents that match the filter.
    fn filter(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let filter = self.handlers.columns.filter(call.parameters())?.unwrap_or(Filter::MATCH_ALL);
        let page = Page {
            offset: call.parameter("offset")?.unwrap_or(0),
            limit: call.top_k(FILTER_LIMIT)?,
            order_by: call.parameter::<Option<String>>("order_by")?.flatten(),
            ascending: call.parameter("ascending")?.unwrap_or(true),
        };
        if page.offset.saturating_add(page.limit) > FILTER_WINDOW_MAX {
            let reason = format_args!("plus `offset` must be at most {FILTER_WINDOW_MAX}");
            return Err(ExecutorError::parameter("limit", reason));
        }
        let check = || call.check();
        let found = self.handlers.shard.read_transaction().find_matching(&filter, &page, &check)?;
        self.handlers.note_unknown_names(call, Some(&filter), found.is_empty())?;
        *call.documents_mut() = found;
        Ok(())
    }

    /// `/fill_embedding`: sets the embedding of each document from the vector stored under its id. A document that is not
    /// in this shard is unchanged; another shard may have it.
    fn fill_embedding(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.handlers.access_paths)?.into_owned();
        let (mut filled, mut unknown) = (0_u64, 0_u64);
        let transaction = self.handlers.shard.read_transaction();
        call.for_each(&paths, |document| {
            match transaction.vector(&document.id)? {
                Some(vector) => {
                    document.embedding = Some(Tensor::vector(vector));
                    filled += 1;
                }
                None => unknown += 1,
            }
            Ok(())
        })?;
        call.set_result("filled", filled);
        call.set_result("unknown", unknown);
        Ok(())
    }
}
