//! `NumpyIndexer`, `FaissIndexer`, `AnnoyIndexer`, `NmslibIndexer` of Jina 0.x: vector indexers for chunks.
//!
//! They store references instead of documents; a key-value indexer ([`super::key_value`]) has the documents.

use std::path::PathBuf;

use flowrun_sdk::{AccessPaths, Build, BuildError, ExecutorType, Instance, parse_parameters};

use crate::ann::{IndexChoice, Tuning};
use crate::columns::Columns;
use crate::metric::Metric;
use crate::parameter_names::ParameterNames;
use crate::storage::Fsync;
use crate::stored_fields::StoredFields;
use crate::vector_indexer::{TOP_K, VectorIndexerConfig};

/// Settings that these executors have in common.
fn config(
    name: &'static str,
    names: ParameterNames,
    metric: Metric,
    access_paths: AccessPaths,
) -> VectorIndexerConfig {
    VectorIndexerConfig {
        name,
        names,
        metric,
        dimension: None,
        elements: None,
        index: IndexChoice::AUTO,
        tuning: Tuning::default(),
        top_k: TOP_K,
        max_distance: None,
        index_access_paths: access_paths.clone(),
        search_access_paths: access_paths,
        stored_fields: StoredFields::Reference,
        fsync: Fsync::Always,
        columns: Columns::default(),
        filter_tag: None,
        expires: None,
        cache_capacity: None,
        status_document: false,
    }
}

flowrun_sdk::parameters! {
    /// The parameters of `NumpyIndexer`.
    struct NumpyParameters {
        /// Distance measure of the vectors.
        metric: Metric = Metric::Euclidean,
        /// Accepted without effect: the index is a directory.
        index_filename: Option<PathBuf> = None,
        /// Accepted without effect: there is only one implementation.
        backend: Option<String> = None,
        /// Accepted without effect: vectors are not compressed.
        compress_level: u8 = 1,
        /// Documents that are stored and searched for.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// Executor type `NumpyIndexer`.
pub(crate) const NUMPY: ExecutorType = ExecutorType::new::<NumpyParameters>(
    "NumpyIndexer",
    "Stores the vectors of chunks and finds the nearest, as Jina 0.x did with numpy.",
    |build| {
        let parameters: NumpyParameters = parse_parameters(build)?;
        config("NumpyIndexer", ParameterNames::DEFAULT, parameters.metric, parameters.access_paths)
            .build(build)
    },
)
.with_storage();

flowrun_sdk::choice! {
    /// Distance measure of `FaissIndexer`.
    enum FaissDistance {
        /// Euclidean. Jina reported its square; the order is the same.
        L2 = "l2",
        /// One minus the inner product.
        InnerProduct = "inner_product",
    }
}

flowrun_sdk::parameters! {
    /// The parameters of `FaissIndexer`.
    struct FaissParameters {
        /// A FAISS factory string such as `IVF256,PQ32`.
        index_key: IndexChoice,
        /// Accepted without effect: the index is trained on the stored vectors, as soon as there are enough.
        train_filepath: Option<PathBuf> = None,
        /// Distance measure; `l2` reports the distance, while Jina reported its square.
        distance: FaissDistance = FaissDistance::L2,
        /// Inverted lists probed per query.
        nprobe: usize = 1,
        /// Accepted without effect: the index is a directory.
        index_filename: Option<PathBuf> = None,
        /// Accepted without effect: vectors are not compressed.
        compress_level: u8 = 1,
        /// Documents that are stored and searched for.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// Executor type `FaissIndexer`.
pub(crate) const FAISS: ExecutorType = ExecutorType::new::<FaissParameters>(
    "FaissIndexer",
    "Stores the vectors of chunks and finds the nearest with a FAISS index of any type.",
    create_faiss,
)
.with_storage();

fn create_faiss(build: &Build) -> Result<Instance, BuildError> {
    let parameters: FaissParameters = parse_parameters(build)?;
    if let IndexChoice::Invalid(_, reason) = &parameters.index_key {
        return Err(BuildError::parameter("index_key", reason));
    }
    let metric = match parameters.distance {
        FaissDistance::L2 => Metric::Euclidean,
        FaissDistance::InnerProduct => Metric::InnerProduct,
    };
    let tuning = Tuning { n_probe: Some(parameters.nprobe), ..Tuning::default() };
    let names = ParameterNames {
        metric: "distance",
        metrics: &[(Metric::Euclidean, "l2"), (Metric::InnerProduct, "inner_product")],
        index: "index_key",
        ..ParameterNames::DEFAULT
    };
    let config = config("FaissIndexer", names, metric, parameters.access_paths);
    VectorIndexerConfig { index: parameters.index_key, tuning, ..config }.build(build)
}

flowrun_sdk::choice! {
    /// Distance measure of `AnnoyIndexer`.
    enum AnnoyMetric {
        /// Angle, reported as one minus its cosine.
        Angular = "angular",
        /// Euclidean.
        Euclidean = "euclidean",
        /// One minus the inner product.
        Dot = "dot",
    }
}

flowrun_sdk::parameters! {
    /// The parameters of `AnnoyIndexer`.
    struct AnnoyParameters {
        /// Distance measure of the vectors.
        metric: AnnoyMetric = AnnoyMetric::Euclidean,
        /// Accepted without effect: there are no trees; the index type is chosen by the amount of data.
        n_trees: usize = 10,
        /// Accepted without effect: the index is a directory.
        index_filename: Option<PathBuf> = None,
        /// Accepted without effect: vectors are not compressed.
        compress_level: u8 = 1,
        /// Documents that are stored and searched for.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// Executor type `AnnoyIndexer`.
pub(crate) const ANNOY: ExecutorType = ExecutorType::new::<AnnoyParameters>(
    "AnnoyIndexer",
    "Stores the vectors of chunks and finds the nearest, with the index of NumpyIndexer instead of Annoy's trees.",
    |build| {
        let parameters: AnnoyParameters = parse_parameters(build)?;
        let metric = match parameters.metric {
            AnnoyMetric::Angular => Metric::Cosine,
            AnnoyMetric::Euclidean => Metric::Euclidean,
            AnnoyMetric::Dot => Metric::InnerProduct,
        };
        let metrics =
            &[(Metric::Cosine, "angular"), (Metric::Euclidean, "euclidean"), (Metric::InnerProduct, "dot")];
        let names = ParameterNames { metrics, ..ParameterNames::DEFAULT };
        config("AnnoyIndexer", names, metric, parameters.access_paths).build(build)
    },
).with_storage();

flowrun_sdk::choice! {
    /// Distance measure of `NmslibIndexer`.
    enum NmslibSpace {
        /// One minus the cosine.
        Cosine = "cosinesimil",
        /// Euclidean.
        L2 = "l2",
        /// One minus the inner product.
        NegativeDotProduct = "negdotprod",
    }
}

flowrun_sdk::parameters! {
    /// The parameters of `NmslibIndexer`.
    struct NmslibParameters {
        /// Distance measure of the vectors.
        space: NmslibSpace = NmslibSpace::Cosine,
        /// Accepted without effect: the index type is chosen by the amount of data.
        method: String = "hnsw".to_owned(),
        /// Accepted without effect.
        print_progress: bool = false,
        /// Accepted without effect: the flow assigns threads.
        num_threads: usize = 1,
        /// Accepted without effect: the index is a directory.
        index_filename: Option<PathBuf> = None,
        /// Accepted without effect: vectors are not compressed.
        compress_level: u8 = 1,
        /// Documents that are stored and searched for.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// Executor type `NmslibIndexer`.
pub(crate) const NMSLIB: ExecutorType = ExecutorType::new::<NmslibParameters>(
    "NmslibIndexer",
    "Stores the vectors of chunks and finds the nearest, with the index of NumpyIndexer instead of nmslib's methods.",
    |build| {
        let parameters: NmslibParameters = parse_parameters(build)?;
        let metric = match parameters.space {
            NmslibSpace::Cosine => Metric::Cosine,
            NmslibSpace::L2 => Metric::Euclidean,
            NmslibSpace::NegativeDotProduct => Metric::InnerProduct,
        };
        let metrics = &[
            (Metric::Cosine, "cosinesimil"),
            (Metric::Euclidean, "l2"),
            (Metric::InnerProduct, "negdotprod"),
        ];
        let names = ParameterNames { metric: "space", metrics, ..ParameterNames::DEFAULT };
        config("NmslibIndexer", names, metric, parameters.access_paths).build(build)
    },
).with_storage();
