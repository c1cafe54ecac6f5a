//! The executor: `/search`, `/filter`, `/fill_embedding`, and the shared endpoints of [`crate::handlers`].

use flowrun_sdk::filter::Filter;
use flowrun_sdk::{AccessPaths, Call, Document, Documents, Executor, ExecutorError, NamedScore, Tensor};

use super::TOP_K_MAX;
use crate::ann::Tuning;
use crate::embedding;
use crate::handlers::Handlers;
use crate::metric::{Metric, Query};
use crate::shard::{Match, Page, RERANK_MAX, SearchParams};

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

    /// `/search`: sets the matches of each query document. All queries of the call run as one batch.
    fn search(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let filter = self.handlers.columns.filter(call.parameters())?;
        let top_k = call.top_k(self.top_k)?;
        if top_k > TOP_K_MAX {
            return Err(ExecutorError::parameter(
                "top_k",
                format_args!("{top_k} is more than the {TOP_K_MAX} allowed"),
            ));
        }
        let requested = call.parameter::<Option<f64>>("max_distance")?.flatten();
        let max_distance = requested.or(self.max_distance).unwrap_or(f64::INFINITY);
        let paths = call.access_paths(&self.access_paths)?.into_owned();
        let (queries, queries_per_root) = self.queries(call, &paths)?;
        let check = || call.check();
        let params = SearchParams { k: top_k, filter: filter.as_ref(), tuning: request_tuning(call)? };
        let answers = self.handlers.shard.search(&queries, &params, &check)?;
        self.handlers.note_unknown_names(call, filter.as_ref(), answers.iter().all(Vec::is_empty))?;
        let mut answers = answers.into_iter();
        let mut queries_per_root = queries_per_root.into_iter();
        call.for_each(&AccessPaths::roots(), |root| {
            let mut answers = answers.by_ref().take(queries_per_root.next().unwrap_or(0));
            paths.visit_mut(root, &mut |document| {
                // A path may also visit the matches that were set in this loop; they are not queries.
                if let Some(mut found) = answers.next() {
                    found.retain(|found| f64::from(found.distance) <= max_distance);
                    document.matches = self.matches(document, found);
                }
                Ok(())
            })
        })
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

    /// The query vectors, and their number per root. A root with an unusable vector fails and has no queries. Existing
    /// matches are removed, so that the paths visit the same documents when answers are assigned.
    fn queries(
        &self,
        call: &mut Call<'_>,
        paths: &AccessPaths,
    ) -> Result<(Vec<Query>, Vec<usize>), ExecutorError> {
        let dimension = self.handlers.shard.dimension();
        let mut queries: Vec<Query> = Vec::new();
        let mut queries_per_root = Vec::new();
        call.for_each(&AccessPaths::roots(), |root| {
            let before = queries.len();
            let read = paths.visit_mut(root, &mut |document| {
                queries.push(Query::new(embedding::vector(document, self.metric, dimension)?));
                document.matches = Documents::new();
                Ok(())
            });
            match read {
                Ok(()) => queries_per_root.push(queries.len() - before),
                Err(_) => queries.truncate(before),
            }
            read
        })?;
        Ok((queries, queries_per_root))
    }

    /// Converts search results to matches of the document `query`.
    fn matches(&self, query: &Document, found: Vec<Match>) -> Documents {
        let matched = |found: Match| {
            let score = NamedScore { ref_id: query.id.clone(), ..NamedScore::new(found.distance, self.name) };
            Document {
                adjacency: query.adjacency.saturating_add(1),
                scores: [(self.metric.name().to_owned(), score)].into_iter().collect(),
                ..found.document
            }
        };
        found.into_iter().map(matched).collect()
    }
}

/// Tuning parameters of the request. Those that do not apply to the current index type have no effect.
fn request_tuning(call: &Call<'_>) -> Result<Tuning, ExecutorError> {
    let number = |name| {
        let number = call.parameter::<Option<usize>>(name)?.flatten();
        match number {
            Some(number) if !(1..=RERANK_MAX).contains(&number) => {
                let reason = format_args!("must be from 1 to {RERANK_MAX}, but is {number}");
                Err(ExecutorError::parameter(name, reason))
            }
            number => Ok(number),
        }
    };
    Ok(Tuning {
        n_probe: number("n_probe")?,
        ef_search: number("ef_search")?,
        rerank: number("rerank")?,
        ef_construction: None,
    })
}
