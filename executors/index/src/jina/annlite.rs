//! `AnnLiteIndexer` of Jina 3 and CLIP-as-service: a vector indexer with AnnLite's parameters.
//!
//! Differences from AnnLite: a reply to `/index` means that the documents are stored and searchable; a document replaces the
//! stored one with its id; `/update` inserts nothing; matches of all shards are merged in order; filters see the current
//! tags; and `/filter` orders by id unless `order_by` names a tag (with `ascending`). `limit` and `offset` of `/filter`
//! apply per shard. `/status` returns one document per shard with AnnLite's tags; `appending_size` is always 0.

use std::path::PathBuf;

use flowrun_sdk::{
    AccessPaths, Build, BuildError, ExecutorType, Instance, RawParameters, Value, parse_parameters,
};

use crate::ann::{IndexChoice, IndexType, LINKS_MAX, LINKS_MIN, LargeIndex, Tuning};
use crate::columns::Columns;
use crate::metric::Metric;
use crate::parameter_names::ParameterNames;
use crate::storage::Fsync;
use crate::stored_fields::{StoredFields, default_exclude};
use crate::vector_indexer::{TOP_K, VectorIndexerConfig};

flowrun_sdk::choice! {
    /// Distance measure of `AnnLiteIndexer`.
    enum AnnLiteMetric {
        /// One minus the cosine.
        Cosine = "cosine",
        /// Euclidean distance.
        Euclidean = "euclidean",
        /// One minus the inner product.
        InnerProduct = "inner_product",
        /// One minus the inner product, under AnnLite's short name.
        Ip = "ip",
    }
}

flowrun_sdk::parameters! {
    /// The parameters of `AnnLiteIndexer`.
    struct AnnLiteParameters {
        /// Number of dimensions; this or `dim` is required.
        n_dim: Option<usize> = None,
        /// Name of `n_dim` in older versions.
        dim: Option<usize> = None,
        /// Distance measure of the vectors.
        metric: AnnLiteMetric = AnnLiteMetric::Cosine,
        /// Number of matches per document; the request's `limit` overrides it.
        limit: usize = TOP_K,
        /// Not available: vectors are not projected.
        n_components: Option<usize> = None,
        /// Only `limit` is supported; it overrides the parameter of that name.
        match_args: RawParameters = RawParameters::new(),
        /// Not available: the data are in the executor's `workspace`.
        data_path: Option<PathBuf> = None,
        /// Size of the candidate queue when a vector is inserted into the graph of a large index; null for 200.
        ef_construction: Option<usize> = None,
        /// Size of the candidate queue of a search in the graph of a large index; null for 50.
        ef_search: Option<usize> = None,
        /// Links per vector in the graph of a large index; null for 16.
        max_connection: Option<usize> = None,
        /// Accepted without effect: matches are always whole documents.
        include_metadata: bool = true,
        /// Documents that are stored; the request's `access_paths` overrides it.
        index_access_paths: AccessPaths = AccessPaths::roots(),
        /// Documents that are queries of `/search`; the request's `access_paths` overrides it.
        search_access_paths: AccessPaths = AccessPaths::roots(),
        /// Name of `index_access_paths` in older versions.
        index_traversal_paths: Option<AccessPaths> = None,
        /// Name of `search_access_paths` in older versions.
        search_traversal_paths: Option<AccessPaths> = None,
        /// Tags that filters may name, with their types (str, int, float, bool), as a list of pairs or a mapping; null for
        /// any tag.
        columns: Value = Value::Null,
        /// Accepted without effect: documents are not addressed by position.
        list_like: bool = false,
    }
}

/// Executor type `AnnLiteIndexer`.
pub(crate) const ANNLITE: ExecutorType = ExecutorType::new::<AnnLiteParameters>(
    "AnnLiteIndexer",
    "Stores documents by their embeddings and finds the nearest, with AnnLite's parameters.",
    create,
)
.with_storage();

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: AnnLiteParameters = parse_parameters(build)?;
    if parameters.n_components.is_some() {
        return Err(BuildError::parameter("n_components", "vectors are not projected here; leave it out"));
    }
    if parameters.data_path.is_some() {
        return Err(BuildError::parameter(
            "data_path",
            "the data are in the executor's `workspace`; set that instead",
        ));
    }
    let (limit_name, limit) = limit(&parameters)?;
    let dimension_name = if parameters.n_dim.is_some() { "n_dim" } else { "dim" };
    let dimension = match parameters.n_dim.or(parameters.dim) {
        None | Some(0) => return Err(BuildError::parameter("n_dim", "the number of dimensions is required")),
        dimension => dimension,
    };
    let links = parameters.max_connection.unwrap_or(16);
    if IndexType::parse(&format!("HNSW{links}")).is_err() {
        let reason = format_args!("must be from {LINKS_MIN} to {LINKS_MAX}, but is {links}");
        return Err(BuildError::parameter("max_connection", reason));
    }
    let config = VectorIndexerConfig {
        name: "AnnLiteIndexer",
        names: ParameterNames { dimension: dimension_name, top_k: limit_name, ..ParameterNames::DEFAULT },
        metric: match parameters.metric {
            AnnLiteMetric::Cosine => Metric::Cosine,
            AnnLiteMetric::Euclidean => Metric::Euclidean,
            AnnLiteMetric::InnerProduct | AnnLiteMetric::Ip => Metric::InnerProduct,
        },
        dimension,
        elements: None,
        index: IndexChoice::auto(LargeIndex::Graph(links)),
        tuning: Tuning {
            n_probe: None,
            ef_search: Some(parameters.ef_search.unwrap_or(50)),
            rerank: None,
            ef_construction: Some(parameters.ef_construction.unwrap_or(200)),
        },
        top_k: limit,
        max_distance: None,
        index_access_paths: parameters.index_traversal_paths.unwrap_or(parameters.index_access_paths),
        search_access_paths: parameters.search_traversal_paths.unwrap_or(parameters.search_access_paths),
        stored_fields: StoredFields::AllExcept(default_exclude()),
        fsync: Fsync::Always,
        columns: Columns::parse(&parameters.columns)
            .map_err(|reason| BuildError::parameter("columns", reason))?,
        filter_tag: None,
        expires: None,
        cache_capacity: None,
        status_document: true,
    };
    config.build(build)
}

/// Default number of matches, and the parameter that sets it.
fn limit(parameters: &AnnLiteParameters) -> Result<(&'static str, usize), BuildError> {
    if let Some(other) = parameters.match_args.keys().find(|name| *name != "limit") {
        return Err(BuildError::parameter(
            "match_args",
            format_args!("only `limit` is supported, not `{other}`"),
        ));
    }
    let limit = flowrun_sdk::top_k(&parameters.match_args);
    let limit = limit.map_err(|error| BuildError::parameter("match_args", error))?;
    Ok(limit.map_or(("limit", parameters.limit), |limit| ("match_args", limit)))
}
