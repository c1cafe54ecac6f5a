//! Descriptions of the executors of this crate: endpoints, ranking and dimension, known without opening an index.

use flowrun_sdk::{Build, ExecutorDescription, Fact, Order};

use crate::shard::WHOLE_SHARD_REQUESTS;
use crate::vector_indexer::{ENDPOINTS, TOP_K};
use crate::{document_store, endpoint_help};

/// Endpoints of the document store that change stored data. The vector indexer has `/backup`, which writes files, and
/// `/restore` in addition.
const WRITE_ENDPOINTS: [&str; 4] = ["/index", "/update", "/delete", "/clear"];

/// `VectorIndexer`: the dimension is known if it is a parameter, otherwise it is that of the stored vectors.
pub(crate) fn vector_indexer(build: &Build) -> ExecutorDescription {
    let top_k = number(build, "limit").or_else(|| number(build, "top_k"));
    ranked(top_k.unwrap_or(TOP_K), dimension(build, &["dimension"]))
}

/// `AnnLiteIndexer`, whose parameter `n_dim` (or `dim`) is required.
pub(crate) fn annlite(build: &Build) -> ExecutorDescription {
    let match_limit = build.with.get("match_args").and_then(|arguments| arguments.get("limit")?.as_u64());
    let match_limit = match_limit.and_then(|limit| usize::try_from(limit).ok());
    let top_k = match_limit.or_else(|| number(build, "limit"));
    ranked(top_k.unwrap_or(TOP_K), dimension(build, &["n_dim", "dim"]))
}

/// Jina 0.x's vector indexers, whose dimension is that of the stored vectors.
pub(crate) fn legacy_vector_indexer(_: &Build) -> ExecutorDescription {
    ranked(TOP_K, Fact::Unknown)
}

/// `DocumentStore` and Jina 0.x's key-value indexers.
pub(crate) fn document_store(_: &Build) -> ExecutorDescription {
    ExecutorDescription::plain()
        .with_endpoints(document_store::ENDPOINTS)
        .with_storage(&WRITE_ENDPOINTS)
        .with_whole_shard_requests(&WHOLE_SHARD_REQUESTS)
        .with_endpoint_help(endpoint_help::document_store())
}

fn ranked(top_k: usize, dimension: Fact<Option<usize>>) -> ExecutorDescription {
    ExecutorDescription::plain()
        .with_endpoints(ENDPOINTS)
        .with_ranking(Order::Ascending, top_k)
        .with_input_dimension(dimension)
        .with_storage(&["/index", "/update", "/delete", "/clear", "/backup", "/restore"])
        .with_whole_shard_requests(&WHOLE_SHARD_REQUESTS)
        .with_endpoint_help(endpoint_help::vector_indexer())
}

fn dimension(build: &Build, names: &[&str]) -> Fact<Option<usize>> {
    let dimension = names.iter().find_map(|name| number(build, name)).filter(|dimension| *dimension > 0);
    dimension.map_or(Fact::Unknown, |dimension| Fact::Known(Some(dimension)))
}

/// A non-negative integer among the parameters.
fn number(build: &Build, name: &str) -> Option<usize> {
    build.with.get(name)?.as_u64().and_then(|number| usize::try_from(number).ok())
}
