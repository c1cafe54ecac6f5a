//! `AnnLiteIndexer`: documents by their vectors, as Jina 3 and CLIP-as-service store them.
//!
//! What differs from AnnLite: a reply to `/index` means that the documents are stored and searchable, writing an id
//! twice replaces it, `/update` inserts nothing, matches come back in order from all shards, a filter sees tags as they
//! are stored now, and `/filter` orders by id unless it is told a tag (`order_by`, `ascending`). Its `limit` and `offset`
//! count in each shard.

use std::path::PathBuf;

use flowrun_sdk::{
    AccessPaths, Build, BuildError, ExecutorType, Instance, RawParameters, Value, parse_parameters,
};

use crate::columns::Columns;
use crate::derived::{IndexChoice, IndexType, Large, Tuning};
use crate::kept::{Kept, default_exclude};
use crate::metric::Metric;
use crate::names::Names;
use crate::storage::Fsync;
use crate::vector_indexer::{Indexer, TOP_K};

flowrun_sdk::choice! {
    /// How `AnnLiteIndexer` measures distances.
    enum AnnLiteMetric {
        /// One minus the cosine.
        Cosine = "cosine",
        /// Euclidean.
        Euclidean = "euclidean",
        /// One minus the inner product.
        InnerProduct = "inner_product",
        /// The same.
        Ip = "ip",
    }
}

flowrun_sdk::parameters! {
    /// The parameters of `AnnLiteIndexer`.
    struct AnnLiteParameters {
        /// The number of dimensions; this or `dim` is required.
        n_dim: Option<usize> = None,
        /// The same as `n_dim`, as older versions call it.
        dim: Option<usize> = None,
        /// How the distance of two vectors is measured.
        metric: AnnLiteMetric = AnnLiteMetric::Cosine,
        /// How many matches are found for a document; the request's `limit` goes before.
        limit: usize = TOP_K,
        /// Not available: vectors are not projected.
        n_components: Option<usize> = None,
        /// Only `limit` is known here; it goes before the parameter of that name.
        match_args: RawParameters = RawParameters::new(),
        /// Not available: data are in the executor's `workspace`.
        data_path: Option<PathBuf> = None,
        /// How many vectors are kept in view when a vector is linked into the graph of a large index; null for 200.
        ef_construction: Option<usize> = None,
        /// How many vectors a search of the graph of a large index keeps in view; null for 50.
        ef_search: Option<usize> = None,
        /// Links of a vector in the graph of a large index; null for 16.
        max_connection: Option<usize> = None,
        /// Accepted without effect: matches are always whole documents.
        include_metadata: bool = true,
        /// Which documents are stored; the request's `access_paths` goes before.
        index_access_paths: AccessPaths = AccessPaths::roots(),
        /// Which documents are searched for; the request's `access_paths` goes before.
        search_access_paths: AccessPaths = AccessPaths::roots(),
        /// The same as `index_access_paths`, as older versions call it.
        index_traversal_paths: Option<AccessPaths> = None,
        /// The same as `search_access_paths`, as older versions call it.
        search_traversal_paths: Option<AccessPaths> = None,
        /// The tags that filters may name, with their types (str, int, float, bool), as a list of pairs or a mapping; null
        /// for any tag.
        columns: Value = Value::Null,
        /// Accepted without effect: there is no list of offsets.
        list_like: bool = false,
    }
}

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
            "data are in the executor's `workspace`; set that instead",
        ));
    }
    let (limit_name, limit) = limit(&parameters)?;
    let dimension_name = if parameters.n_dim.is_some() { "n_dim" } else { "dim" };
    let dimension = match parameters.n_dim.or(parameters.dim) {
        None | Some(0) => return Err(BuildError::parameter("n_dim", "the number of dimensions is required")),
        dimension => dimension,
    };
    let links = parameters.max_connection.unwrap_or(16);
    if let Err(reason) = IndexType::parse(&format!("HNSW{links}")) {
        return Err(BuildError::parameter("max_connection", reason));
    }
    let indexer = Indexer {
        name: "AnnLiteIndexer",
        names: Names { dimension: dimension_name, top_k: limit_name, ..Names::OWN },
        metric: match parameters.metric {
            AnnLiteMetric::Cosine => Metric::Cosine,
            AnnLiteMetric::Euclidean => Metric::Euclidean,
            AnnLiteMetric::InnerProduct | AnnLiteMetric::Ip => Metric::InnerProduct,
        },
        dimension,
        elements: None,
        index: IndexChoice::auto(Large::Graph(links)),
        tuning: Tuning {
            n_probe: None,
            ef_search: Some(parameters.ef_search.unwrap_or(50)),
            rerank: None,
            ef_construction: Some(parameters.ef_construction.unwrap_or(200)),
        },
        top_k: limit,
        index_access_paths: parameters.index_traversal_paths.unwrap_or(parameters.index_access_paths),
        search_access_paths: parameters.search_traversal_paths.unwrap_or(parameters.search_access_paths),
        kept: Kept::AllBut(default_exclude()),
        fsync: Fsync::Always,
        columns: Columns::parse(&parameters.columns)
            .map_err(|reason| BuildError::parameter("columns", reason))?,
        expires: None,
        resident: None,
    };
    indexer.build(build)
}

/// How many matches are found when the request does not say, and the parameter that says so.
fn limit(parameters: &AnnLiteParameters) -> Result<(&'static str, usize), BuildError> {
    if let Some(other) = parameters.match_args.keys().find(|name| *name != "limit") {
        return Err(BuildError::parameter(
            "match_args",
            format_args!("only `limit` is known, not `{other}`"),
        ));
    }
    let limit = flowrun_sdk::top_k(&parameters.match_args);
    let limit = limit.map_err(|error| BuildError::parameter("match_args", error))?;
    Ok(limit.map_or(("limit", parameters.limit), |limit| ("match_args", limit)))
}
