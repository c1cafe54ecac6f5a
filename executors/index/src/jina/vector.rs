//! `NumpyIndexer`, `FaissIndexer`, `AnnoyIndexer`, `NmslibIndexer` of Jina 0.x: vectors of chunks.
//!
//! They store no documents, only references: a key-value indexer beside them has the documents.

use std::path::PathBuf;

use flowrun_sdk::{AccessPaths, Build, BuildError, ExecutorType, Instance, parse_parameters};

use crate::columns::Columns;
use crate::derived::{IndexChoice, Tuning};
use crate::kept::Kept;
use crate::metric::Metric;
use crate::names::Names;
use crate::storage::Fsync;
use crate::vector_indexer::{Indexer, TOP_K};

/// The indexer that all of these are, but for what their parameters say.
fn indexer(name: &'static str, names: Names, metric: Metric, access_paths: AccessPaths) -> Indexer {
    Indexer {
        name,
        names,
        metric,
        dimension: None,
        elements: None,
        index: IndexChoice::AUTO,
        tuning: Tuning::default(),
        top_k: TOP_K,
        index_access_paths: access_paths.clone(),
        search_access_paths: access_paths,
        kept: Kept::Reference,
        fsync: Fsync::Always,
        columns: Columns::default(),
        expires: None,
        resident: None,
    }
}

flowrun_sdk::parameters! {
    /// The parameters of `NumpyIndexer`.
    struct NumpyParameters {
        /// How the distance of two vectors is measured.
        metric: Metric = Metric::Euclidean,
        /// Accepted without effect: the index is a directory of its own.
        index_filename: Option<PathBuf> = None,
        /// Accepted without effect: there is one way to compute.
        backend: Option<String> = None,
        /// Accepted without effect: vectors are not compressed.
        compress_level: u8 = 1,
        /// Which documents are stored and searched for.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

pub(crate) const NUMPY: ExecutorType = ExecutorType::new::<NumpyParameters>(
    "NumpyIndexer",
    "Stores the vectors of chunks and finds the nearest, as Jina 0.x did with numpy.",
    |build| {
        let parameters: NumpyParameters = parse_parameters(build)?;
        indexer("NumpyIndexer", Names::OWN, parameters.metric, parameters.access_paths).build(build)
    },
)
.with_storage();

flowrun_sdk::choice! {
    /// How `FaissIndexer` measures distances.
    enum FaissDistance {
        /// Euclidean. Jina reported the square of it; the order is the same.
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
        /// Accepted without effect: the index is trained on the vectors that are stored, as soon as there are enough.
        train_filepath: Option<PathBuf> = None,
        /// `l2` reports the distance, where Jina reported its square.
        distance: FaissDistance = FaissDistance::L2,
        /// How many inverted lists a search probes.
        nprobe: usize = 1,
        /// Accepted without effect: the index is a directory of its own.
        index_filename: Option<PathBuf> = None,
        /// Accepted without effect: vectors are not compressed.
        compress_level: u8 = 1,
        /// Which documents are stored and searched for.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

pub(crate) const FAISS: ExecutorType = ExecutorType::new::<FaissParameters>(
    "FaissIndexer",
    "Stores the vectors of chunks and finds the nearest by a FAISS index of any kind.",
    create_faiss,
)
.with_storage();

fn create_faiss(build: &Build) -> Result<Instance, BuildError> {
    let parameters: FaissParameters = parse_parameters(build)?;
    if let IndexChoice::Unknown(_, reason) = &parameters.index_key {
        return Err(BuildError::parameter("index_key", reason));
    }
    let metric = match parameters.distance {
        FaissDistance::L2 => Metric::Euclidean,
        FaissDistance::InnerProduct => Metric::InnerProduct,
    };
    let tuning = Tuning { n_probe: Some(parameters.nprobe), ..Tuning::default() };
    let names = Names {
        metric: "distance",
        metrics: &[(Metric::Euclidean, "l2"), (Metric::InnerProduct, "inner_product")],
        index: "index_key",
        ..Names::OWN
    };
    let indexer = indexer("FaissIndexer", names, metric, parameters.access_paths);
    Indexer { index: parameters.index_key, tuning, ..indexer }.build(build)
}

flowrun_sdk::choice! {
    /// How `AnnoyIndexer` measures distances.
    enum AnnoyMetric {
        /// By the angle: reported as one minus its cosine.
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
        /// How the distance of two vectors is measured.
        metric: AnnoyMetric = AnnoyMetric::Euclidean,
        /// Accepted without effect: there are no trees here, the search is exact or by a graph.
        n_trees: usize = 10,
        /// Accepted without effect: the index is a directory of its own.
        index_filename: Option<PathBuf> = None,
        /// Accepted without effect: vectors are not compressed.
        compress_level: u8 = 1,
        /// Which documents are stored and searched for.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

pub(crate) const ANNOY: ExecutorType = ExecutorType::new::<AnnoyParameters>(
    "AnnoyIndexer",
    "Stores the vectors of chunks and finds the nearest; the same index as NumpyIndexer, without Annoy's trees.",
    |build| {
        let parameters: AnnoyParameters = parse_parameters(build)?;
        let metric = match parameters.metric {
            AnnoyMetric::Angular => Metric::Cosine,
            AnnoyMetric::Euclidean => Metric::Euclidean,
            AnnoyMetric::Dot => Metric::InnerProduct,
        };
        let metrics =
            &[(Metric::Cosine, "angular"), (Metric::Euclidean, "euclidean"), (Metric::InnerProduct, "dot")];
        let names = Names { metrics, ..Names::OWN };
        indexer("AnnoyIndexer", names, metric, parameters.access_paths).build(build)
    },
).with_storage();

flowrun_sdk::choice! {
    /// How `NmslibIndexer` measures distances.
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
        /// How the distance of two vectors is measured.
        space: NmslibSpace = NmslibSpace::Cosine,
        /// Accepted without effect: the search is exact or by a graph, whichever suits the size.
        method: String = "hnsw".to_owned(),
        /// Accepted without effect.
        print_progress: bool = false,
        /// Accepted without effect: the flow plans the threads.
        num_threads: usize = 1,
        /// Accepted without effect: the index is a directory of its own.
        index_filename: Option<PathBuf> = None,
        /// Accepted without effect: vectors are not compressed.
        compress_level: u8 = 1,
        /// Which documents are stored and searched for.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

pub(crate) const NMSLIB: ExecutorType = ExecutorType::new::<NmslibParameters>(
    "NmslibIndexer",
    "Stores the vectors of chunks and finds the nearest; the same index as NumpyIndexer, without nmslib's methods.",
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
        let names = Names { metric: "space", metrics, ..Names::OWN };
        indexer("NmslibIndexer", names, metric, parameters.access_paths).build(build)
    },
).with_storage();
