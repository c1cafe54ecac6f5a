//! The vectors of one generation and their shared state.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::build_state::BuildState;
use super::served_index::ServedIndex;
use crate::ann::{AnnIndex, DistanceBound, IndexChoice, Tuning};
use crate::metric::Metric;
use crate::shard::lock_order::{LockRank, OrderedMutex, OrderedRwLock};
use crate::shard::settings::Settings;
use crate::storage::{Counters, Layout, Manifest, StorageError, VectorFile};

/// The vectors of one generation.
#[derive(Debug)]
pub(in crate::shard) struct VectorIndex {
    pub(in crate::shard) metric: Metric,
    pub(in crate::shard) file: VectorFile,
    /// Bounds exact distances by values of FAISS.
    pub(in crate::shard) distance_bound: DistanceBound,
    /// The index that answers searches.
    pub(in crate::shard) served: OrderedRwLock<ServedIndex>,
    /// Held to add rows to the served index or to replace it.
    pub(in crate::shard) build: OrderedMutex<BuildState>,
    /// Number of committed rows, as known to the build.
    committed: AtomicU64,
    /// Number of committed rows without tombstones.
    live: AtomicU64,
    /// Set once the shard is being closed or another generation has replaced this one: work on the index stops soon.
    is_retired: AtomicBool,
    /// Configured index type.
    pub(super) choice: IndexChoice,
    /// Default search and build parameters.
    pub(in crate::shard) tuning: Tuning,
    /// Number of threads that FAISS may use.
    pub(super) threads: usize,
    /// Path of the file of the index.
    pub(super) index_path: PathBuf,
    /// The file of the index belongs to another process.
    pub(super) is_read_only: bool,
}

impl VectorIndex {
    /// Opens the vectors of a generation with `live` rows without tombstones, or creates an empty file when no vector was ever
    /// acknowledged. The index is loaded, unless an index cache does that later.
    pub(in crate::shard) fn open(
        layout: &Layout,
        manifest: &Manifest,
        dimension: usize,
        counters: Counters,
        live: u64,
        settings: &Settings,
    ) -> Result<Self, StorageError> {
        let metric = settings.schema.metric;
        let distance_bound = DistanceBound::new(metric, dimension);
        let kinds = settings.earlier_indexes(live, dimension)?;
        let kind = settings.resolve_index(live, dimension)?;
        let index_path = layout.faiss_index(manifest.generation);
        let empty = AnnIndex::new(kind, dimension, distance_bound, settings.tuning);
        let empty = empty.map_err(|error| settings.index_error(&error))?;
        let file = open_file(layout, manifest, dimension, counters.rows, settings.read_only)?;
        let saved = |kind| {
            let tuning = settings.tuning;
            let rows_max = rows_max(settings.read_only, counters.rows);
            AnnIndex::open_evicted(&index_path, kind, dimension, distance_bound, tuning, rows_max)
        };
        let saved = kinds.iter().find_map(saved);
        let is_unusable = saved.is_none() && index_path.exists();
        let served = ServedIndex::new(saved.unwrap_or(empty));
        let vectors = Self {
            metric,
            file,
            distance_bound,
            served: OrderedRwLock::new(LockRank::ServedIndex, served),
            build: OrderedMutex::new(LockRank::IndexBuild, BuildState::default()),
            committed: AtomicU64::new(counters.rows),
            live: AtomicU64::new(live),
            is_retired: AtomicBool::new(false),
            choice: settings.index.clone(),
            tuning: settings.tuning,
            threads: settings.threads,
            index_path,
            is_read_only: settings.read_only,
        };
        if is_unusable {
            vectors.remove_unusable_file()?;
        }
        if settings.cache_capacity.is_none() {
            vectors.load()?;
        } else {
            vectors.evict_exact_index();
        }
        Ok(vectors)
    }

    /// Sets the number of committed rows, and how many of them are live.
    pub(in crate::shard) fn commit(&self, rows: u64, live: u64) {
        self.committed.store(rows, Ordering::Release);
        self.live.store(live, Ordering::Release);
    }

    /// Number of committed rows.
    pub(super) fn committed_rows(&self) -> u64 {
        self.committed.load(Ordering::Acquire)
    }

    /// Number of committed rows without tombstones.
    pub(super) fn live_rows(&self) -> u64 {
        self.live.load(Ordering::Acquire)
    }

    /// Number of committed rows that the served index does not cover.
    pub(in crate::shard) fn missing_rows(&self) -> u64 {
        self.committed_rows().saturating_sub(self.served.read().index.rows())
    }

    /// Largest number of rows that an index file may cover. The file of another process may cover more than is committed
    /// here; rows never change.
    pub(super) fn rows_max(&self) -> u64 {
        rows_max(self.is_read_only, self.committed_rows())
    }

    /// Returns whether vectors can be added to the served index.
    pub(in crate::shard) fn is_trained(&self) -> bool {
        self.served.read().index.is_trained()
    }

    /// Stops work on the index soon. Returns whether it was stopped before.
    pub(in crate::shard) fn retire(&self) -> bool {
        self.is_retired.swap(true, Ordering::AcqRel)
    }

    /// Returns whether work on the index is to stop.
    pub(in crate::shard) fn is_retired(&self) -> bool {
        self.is_retired.load(Ordering::Acquire)
    }

    /// The flag that interrupts FAISS training.
    pub(super) fn retired_flag(&self) -> &AtomicBool {
        &self.is_retired
    }
}

fn rows_max(read_only: bool, committed: u64) -> u64 {
    if read_only { u64::MAX } else { committed }
}

fn open_file(
    layout: &Layout,
    manifest: &Manifest,
    dimension: usize,
    rows: u64,
    read_only: bool,
) -> Result<VectorFile, StorageError> {
    let (path, elements) = (layout.vectors(manifest.generation), manifest.elements());
    let opened = if read_only {
        VectorFile::open_read_only(&path, dimension, elements, rows)
    } else {
        VectorFile::open(&path, dimension, elements, rows)
    };
    match opened {
        // Not created yet, or left over from a first call that was never acknowledged.
        Err(_) if rows == 0 && !read_only => VectorFile::create(&path, dimension, elements),
        opened => opened,
    }
}
