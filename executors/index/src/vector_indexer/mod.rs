//! `VectorIndexer`: stores documents by their vectors and finds the nearest ones.
//!
//! [`config`] opens the shard and builds the instance, for this executor and for those that have its behaviour under
//! another name ([`crate::jina`]); [`executor`] handles the calls. This file has the YAML parameters.

mod config;
mod executor;
mod search;

use flowrun_sdk::{AccessPaths, Build, BuildError, ExecutorType, Instance, Value, parse_parameters};

pub(crate) use config::VectorIndexerConfig;
pub(crate) use executor::ENDPOINTS;

use crate::ann::{IndexChoice, IndexType, Tuning};
use crate::byte_size::ByteSize;
use crate::columns::Columns;
use crate::metric::Metric;
use crate::parameter_names::ParameterNames;
use crate::shard::CacheCapacity;
use crate::storage::{ElementType, Fsync};
use crate::stored_fields::{ExcludableField, StoredFields, default_exclude};

/// Default number of matches per query.
pub(crate) const TOP_K: usize = 10;
/// Largest number of matches per query; a reply holds the documents of all matches of all its queries.
const TOP_K_MAX: usize = 10_000;

flowrun_sdk::parameters! {
    /// The parameters of `VectorIndexer`.
    struct VectorIndexerParameters {
        /// Distance measure of the vectors.
        metric: Metric = Metric::Cosine,
        /// Number of dimensions; null for that of the first vector.
        dimension: Option<usize> = None,
        /// A FAISS factory string, or `auto`: `Flat` (exact) for up to 256 MiB of vectors, beyond that inverted lists of
        /// quantized vectors (`IVF4096_HNSW32,PQ384x4fs`), with the vectors on disk. An index that needs training is
        /// trained in the background once there are enough vectors; until then the previous index serves searches.
        index: IndexChoice = IndexChoice::AUTO,
        /// Memory limit of an index that `auto` selects, such as `2GB`; null for 1 GiB.
        memory: Option<ByteSize> = None,
        /// Element type of stored vectors, `f32` or `f16`; null for that of the existing index, or `f32`.
        vectors: Option<ElementType> = None,
        /// Number of matches per document; the request's `top_k` or `limit` overrides it.
        top_k: usize = TOP_K,
        /// Jina 3's name of `top_k`.
        limit: Option<usize> = None,
        /// Largest distance of a match; null for any. The request's `max_distance` overrides it.
        max_distance: Option<f64> = None,
        /// Documents that are stored and searched for; the request's `access_paths` overrides it.
        access_paths: AccessPaths = AccessPaths::roots(),
        /// Fields that are not stored and so not part of matches. Bytes are stored unless `blob` is listed.
        exclude: Vec<ExcludableField> = default_exclude(),
        /// Acknowledges a write after it was synced to disk (`always`), or after the operating system has it, which
        /// then syncs it within a second (`interval`) or at any time (`never`).
        fsync: Fsync = Fsync::Always,
        /// Inverted lists probed per query, for `IVF…`; null for 1/64 of the lists, and at least 16. The request's `n_probe`
        /// overrides it.
        n_probe: Option<usize> = None,
        /// Size of the candidate queue of a graph search, for `HNSW…`; null for 64. The request's `ef_search` overrides it.
        ef_search: Option<usize> = None,
        /// Tags that filters may name, with their types (str, int, float, bool), as a list of pairs or a mapping. They are
        /// cached in memory once a search filters by them. Null for any tag.
        columns: Value = Value::Null,
        /// Tag of a searched document with a filter that holds for it alone, or a list of conditions, of which the last ones are
        /// dropped until something matches, such as the one that `QueryHints` sets. A document with the tag and without an
        /// embedding gets the matching documents in the order of ids. Null ignores such tags.
        filter_tag: Option<String> = None,
        /// Tag with the expiry time of a document, in seconds since 1970; null for documents that never expire. `/index` and
        /// `/update` with the parameter `time_to_live`, in seconds, set it in documents without the tag.
        expires: Option<String> = None,
        /// Candidates per query whose exact distance is computed, for a quantized index; null for ten per match. The
        /// request's `rerank` overrides it.
        rerank: Option<usize> = None,
        /// Cache size for the indexes of all shards: a number of shards, or an amount of memory such as `2GB`. The most
        /// recently searched ones are in memory, the others are loaded from disk when they are searched. Null for all.
        resident: Option<CacheCapacity> = None,
    }
}

/// Executor type `VectorIndexer`.
pub(crate) const VECTOR_INDEXER: ExecutorType = ExecutorType::new::<VectorIndexerParameters>(
    "VectorIndexer",
    "Stores documents by their embeddings and finds the nearest.",
    create,
)
.with_storage();

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: VectorIndexerParameters = parse_parameters(build)?;
    if let IndexChoice::Fixed(index_type) = &parameters.index {
        check_tuning(index_type, parameters.n_probe, parameters.ef_search)?;
    }
    let index = match parameters.memory {
        Some(memory) => parameters.index.with_memory_limit(memory.bytes()),
        None => parameters.index,
    };
    let top_k_name = if parameters.limit.is_some() { "limit" } else { "top_k" };
    let config = VectorIndexerConfig {
        name: "VectorIndexer",
        names: ParameterNames { top_k: top_k_name, ..ParameterNames::DEFAULT },
        metric: parameters.metric,
        dimension: parameters.dimension,
        elements: parameters.vectors,
        index,
        tuning: Tuning {
            n_probe: parameters.n_probe,
            ef_search: parameters.ef_search,
            rerank: parameters.rerank,
            ef_construction: None,
        },
        top_k: parameters.limit.unwrap_or(parameters.top_k),
        max_distance: parameters.max_distance,
        search_access_paths: parameters.access_paths.clone(),
        index_access_paths: parameters.access_paths,
        stored_fields: StoredFields::AllExcept(parameters.exclude),
        fsync: parameters.fsync,
        columns: Columns::parse(&parameters.columns)
            .map_err(|reason| BuildError::parameter("columns", reason))?,
        filter_tag: parameters.filter_tag,
        expires: parameters.expires,
        cache_capacity: parameters.resident,
        status_document: false,
    };
    config.build(build)
}

/// Checks that the index type has the lists or the graph that `n_probe` or `ef_search` tunes.
fn check_tuning(
    index_type: &IndexType,
    n_probe: Option<usize>,
    ef_search: Option<usize>,
) -> Result<(), BuildError> {
    let refused = |name, missing| {
        Err(BuildError::parameter(name, format_args!("`{}` has no {missing}", index_type.text())))
    };
    match (n_probe, ef_search) {
        (Some(_), _) if index_type.lists == 0 => refused("n_probe", "lists to probe"),
        (_, Some(_)) if !index_type.has_graph => refused("ef_search", "graph to search"),
        _ => Ok(()),
    }
}
