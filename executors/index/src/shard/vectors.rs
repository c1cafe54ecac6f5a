//! The vectors of a shard: the file, and the FAISS index that is derived from it.
//!
//! Nobody waits for the index. Rows that it does not cover yet are compared one by one; it catches up beside searches
//! and writes (see [`super::building`]), and one of another kind takes its place when it is built. Its lock is held
//! for reading while FAISS searches, and for writing only while rows are put in whose places are known already.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use flowrun_sdk::tracing;
use parking_lot::{Mutex, RwLock};

use super::Settings;
use super::building::Building;
use crate::derived::{Approximation, Derived, DerivedError, Grouped, IndexChoice, Staged, Tuning};
use crate::metric::Metric;
use crate::storage::{Counters, Layout, Manifest, StorageError, VectorFile};

/// So many rows may be missing from the index when it is opened or closed, and are waited for: a few seconds at the most.
const ROWS_WAITED_FOR: u64 = 10_000;

/// The vectors of one generation.
#[derive(Debug)]
pub(super) struct Vectors {
    pub(super) metric: Metric,
    pub(super) file: VectorFile,
    pub(super) approximation: Approximation,
    pub(super) served: RwLock<Served>,
    /// Held by whoever adds rows to the index, or puts another in its place.
    pub(super) building: Mutex<Building>,
    /// Committed rows, as the building knows them.
    pub(super) committed: AtomicU64,
    /// Those of them that can be found.
    pub(super) live: AtomicU64,
    /// Set when nobody needs this any more: the shard is closed, or another generation took the place of this one.
    pub(super) is_over: AtomicBool,
    pub(super) choice: IndexChoice,
    pub(super) tuning: Tuning,
    /// How many threads may work out where rows go.
    pub(super) threads: usize,
    pub(super) derived_path: PathBuf,
    /// Whether the index on disk is somebody else's.
    is_read_only: bool,
}

/// The index that answers.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) derived: Derived,
    /// The length of the longest vector that it was given since it was opened. An exact index is given all of them
    /// then, and only the bounds of an exact index need it.
    pub(super) norm_max: f64,
    /// What makes it faster to add many rows, while many are added.
    pub(super) grouped: Option<Grouped>,
}

impl Served {
    pub(super) fn new(derived: Derived) -> Self {
        Self { derived, norm_max: 0.0, grouped: None }
    }

    /// Works out where the next rows go, beside searches; `None` when the index can only be changed as a whole.
    pub(super) fn stage(&self, vectors: &[f32]) -> Result<Option<Staged>, DerivedError> {
        self.derived.stage(self.grouped.as_ref(), vectors)
    }
}

impl Vectors {
    /// Opens the vectors of a generation, or makes an empty file when none was ever acknowledged.
    pub(super) fn open(
        layout: &Layout,
        manifest: &Manifest,
        dimension: usize,
        counters: Counters,
        live: u64,
        settings: &Settings,
    ) -> Result<Self, StorageError> {
        let metric = settings.schema.metric;
        let approximation = Approximation::new(metric, dimension);
        let kinds = settings.earlier_indexes(live, dimension)?;
        let kind = settings.resolve_index(live, dimension)?;
        let derived_path = layout.faiss_index(manifest.generation);
        let empty = Derived::new(kind, dimension, approximation, settings.tuning);
        let empty = empty.map_err(|error| settings.index_refused(&error))?;
        let file = open_file(layout, manifest, dimension, counters.rows, settings.read_only)?;
        let at_rest = |kind| {
            let tuning = settings.tuning;
            let rows_max = rows_max(settings.read_only, counters.rows);
            Derived::at_rest(&derived_path, kind, dimension, approximation, tuning, rows_max)
        };
        let found = kinds.iter().find_map(at_rest);
        let is_unusable = found.is_none() && derived_path.exists();
        let vectors = Self {
            metric,
            file,
            approximation,
            served: RwLock::new(Served::new(found.unwrap_or(empty))),
            building: Mutex::default(),
            committed: AtomicU64::new(counters.rows),
            live: AtomicU64::new(live),
            is_over: AtomicBool::new(false),
            choice: settings.index.clone(),
            tuning: settings.tuning,
            threads: settings.threads,
            derived_path,
            is_read_only: settings.read_only,
        };
        if is_unusable {
            vectors.reject()?;
        }
        if settings.cache_capacity.is_none() {
            vectors.bring()?;
        } else {
            vectors.leave_exact_to_disk();
        }
        Ok(vectors)
    }

    /// Removes an index that is of no use. Left there, it might come to look right again when there are more rows.
    fn reject(&self) -> Result<(), StorageError> {
        tracing::warn!(path = %self.derived_path.display(), "the index is damaged or of other settings: it is built again");
        if self.is_read_only {
            return Ok(());
        }
        match std::fs::remove_file(&self.derived_path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(StorageError::io("remove", &self.derived_path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Takes the index into memory, if it is on disk alone.
    pub(super) fn bring(&self) -> Result<(), StorageError> {
        if self.is_at_rest() {
            let (is_exact, woken) = {
                let derived = &self.served.read().derived;
                let is_exact = derived.kind().is_exact();
                (is_exact, if is_exact { None } else { derived.woken(&self.derived_path, self.rows_max()) })
            };
            if woken.is_none() && !is_exact {
                self.reject()?;
            }
            let _building = self.building.lock();
            let mut served = self.served.write();
            match woken {
                Some(woken) => *served = Served::new(woken),
                None => served.derived.begin_anew(),
            }
        }
        self.catch_up_at_opening()
    }

    /// Leaves the index to the disk; says whether it is there. Nobody asks it meanwhile.
    pub(super) fn rest(&self) -> bool {
        self.save();
        let _building = self.building.lock();
        // What was never trained takes no memory.
        if !self.is_trained() || self.is_at_rest() {
            return true;
        }
        let on_disk = {
            let derived = &self.served.read().derived;
            if derived.is_worth_saving() { self.saved_by_others(derived) } else { Some(derived.rows()) }
        };
        on_disk.map(|rows| self.leave_to_disk(rows)).is_some()
    }

    /// How many rows the index on disk covers that is somebody else's: the rows that it lacks are added again.
    fn saved_by_others(&self, derived: &Derived) -> Option<u64> {
        let (kind, dimension) = (derived.kind(), self.file.dimension());
        let saved = self.is_read_only.then(|| {
            let path = &self.derived_path;
            Derived::at_rest(path, kind, dimension, self.approximation, self.tuning, self.rows_max())
        });
        saved.flatten().map(|saved| saved.rows())
    }

    /// How many rows an index on disk may cover.
    fn rows_max(&self) -> u64 {
        rows_max(self.is_read_only, self.committed.load(Ordering::Acquire))
    }

    /// An exact index has no file, and is filled when it is asked.
    fn leave_exact_to_disk(&self) {
        let rows = {
            let derived = &self.served.read().derived;
            derived.kind().is_exact().then(|| self.rows_for(derived))
        };
        if let Some(rows) = rows {
            self.leave_to_disk(rows);
        }
    }

    fn leave_to_disk(&self, rows: u64) {
        let mut served = self.served.write();
        (served.norm_max, served.grouped) = (0.0, None);
        if let Err(error) = served.derived.rest(rows) {
            tracing::warn!(%error, "an index that is not asked stays in memory");
        }
    }

    /// Whether the index is on disk alone.
    pub(super) fn is_at_rest(&self) -> bool {
        self.served.read().derived.is_at_rest()
    }

    /// Does at once what takes no time; and fills an exact index, which is what it is opened for.
    fn catch_up_at_opening(&self) -> Result<(), StorageError> {
        let is_exact = self.served.read().derived.kind().is_exact();
        if is_exact || self.missing() <= ROWS_WAITED_FOR {
            self.build_if_small()?;
            self.catch_up()?;
            self.save();
        }
        Ok(())
    }

    /// Leaves as little as possible to the next opening. Failing to is no failure.
    pub(super) fn finish(&self) {
        if self.is_read_only {
            return;
        }
        if self.missing() <= ROWS_WAITED_FOR
            && let Err(error) = self.catch_up()
        {
            tracing::warn!(%error, "the index will be caught up at the next start");
        }
        self.save();
    }

    /// Tells the building that so many rows are committed, and how many of them can be found.
    pub(super) fn commit(&self, rows: u64, live: u64) {
        self.committed.store(rows, Ordering::Release);
        self.live.store(live, Ordering::Release);
    }

    /// How many committed rows the index does not cover.
    pub(super) fn missing(&self) -> u64 {
        self.committed.load(Ordering::Acquire).saturating_sub(self.served.read().derived.rows())
    }

    pub(super) fn is_trained(&self) -> bool {
        self.served.read().derived.is_trained()
    }

    /// Writes the derived index out when that saves work at the next opening. Failing to is no failure.
    pub(super) fn save(&self) {
        // Nobody adds to it meanwhile, so that no search waits behind somebody who wants to.
        let _building = self.building.lock();
        let served = self.served.read();
        if self.is_read_only || !served.derived.is_worth_saving() {
            return;
        }
        match served.derived.save(&self.derived_path) {
            Ok(saved) => {
                drop(served);
                self.served.write().derived.note_saved(saved);
            }
            Err(error) => tracing::warn!(%error, "the index will be built again at the next start"),
        }
    }
}

/// How many rows an index on disk may cover: who writes elsewhere may be ahead, and rows are never changed.
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
        // Not made yet, or left over from a first call that was never acknowledged.
        Err(_) if rows == 0 && !read_only => VectorFile::create(&path, dimension, elements),
        opened => opened,
    }
}
