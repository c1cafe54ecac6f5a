//! The vectors of a shard: the file, the rows that are dead, and the FAISS index derived from both.

use std::path::Path;

use flowrun_sdk::tracing;

use super::{RowSet, Settings};
use crate::derived::{Approximation, Derived, DerivedError, push_native};
use crate::metric::{Metric, norm};
use crate::storage::{Layout, StorageError, VectorFile};

/// How many bytes of vectors are handed to FAISS at once.
const BLOCK_BYTES: usize = 8 << 20;

/// Which rows there are.
#[derive(Debug)]
pub(super) struct Rows {
    /// Committed rows.
    pub(super) count: u64,
    /// Those that nobody finds any more.
    pub(super) dead: RowSet,
}

/// The vectors of a shard.
#[derive(Debug)]
pub(super) struct Vectors {
    pub(super) metric: Metric,
    pub(super) file: VectorFile,
    /// Committed rows.
    pub(super) rows: u64,
    pub(super) dead: RowSet,
    pub(super) derived: Derived,
    pub(super) approximation: Approximation,
    /// The length of the longest vector that the derived index was given since it was opened. An exact index is given
    /// all of them then, and only the bounds of an exact index need it.
    pub(super) norm_max: f64,
    /// Training failed once; it is not tried again before the next opening.
    untrainable: bool,
    /// Not when that would take the place of an index that belongs to those who may write here.
    may_save: bool,
}

impl Vectors {
    /// Opens the vectors of a generation, or makes an empty file when none was ever acknowledged.
    pub(super) fn open(
        layout: &Layout,
        generation: u32,
        dimension: usize,
        Rows { count, dead }: Rows,
        settings: &Settings,
    ) -> Result<Self, StorageError> {
        let metric = settings.wanted.metric;
        let approximation = Approximation::new(metric, dimension);
        let live = count.saturating_sub(dead.len());
        let kind = settings.resolve_index(live, dimension)?;
        let (path, derived_path) = (layout.vectors(generation), layout.derived(generation));
        let empty = Derived::new(kind.clone(), dimension, approximation, settings.tuning);
        let empty = empty.map_err(|error| settings.index_refused(&error))?;
        let file = match VectorFile::open(&path, dimension, count) {
            // Not made yet, or left over from a first call that was never acknowledged.
            Err(_) if count == 0 => VectorFile::create(&path, dimension)?,
            file => file?,
        };
        let loaded = Derived::load(&derived_path, &kind, dimension, approximation, settings.tuning, count);
        let is_unusable = loaded.is_none() && derived_path.exists();
        if is_unusable && !settings.read_only {
            // Left there, it might come to look right again when there are more rows.
            std::fs::remove_file(&derived_path).map_err(StorageError::io("remove", &derived_path))?;
        }
        let mut vectors = Self {
            metric,
            file,
            rows: count,
            dead,
            derived: loaded.unwrap_or(empty),
            approximation,
            norm_max: 0.0,
            untrainable: false,
            may_save: !(is_unusable && settings.read_only),
        };
        vectors.catch_up()?;
        vectors.save(&derived_path);
        Ok(vectors)
    }

    /// Rows that can be found.
    pub(super) fn live(&self) -> u64 {
        self.rows.saturating_sub(self.dead.len())
    }

    /// Makes committed rows searchable by FAISS. What it will not take is searched without it. Says whether the index
    /// was trained now.
    pub(super) fn catch_up(&mut self) -> Result<bool, StorageError> {
        let is_untrained = !self.derived.is_trained();
        if is_untrained {
            if self.untrainable || self.rows < self.derived.kind().training_rows_min().max(1) {
                return Ok(false);
            }
            if let Err(error) = self.train()? {
                tracing::warn!(index = self.derived.kind().text(), %error, "training failed; every vector is compared");
                self.untrainable = true;
                return Ok(false);
            }
        }
        if let Err(error) = self.add_committed()? {
            tracing::warn!(index = self.derived.kind().text(), %error, "some vectors are compared one by one");
        }
        Ok(is_untrained)
    }

    /// Trains on vectors evenly spaced over the file.
    fn train(&mut self) -> Result<Result<(), DerivedError>, StorageError> {
        let count = self.derived.kind().training_rows_max().min(self.rows);
        let sample = (0..count).map(|number| {
            let row = u128::from(number) * u128::from(self.rows) / u128::from(count);
            u64::try_from(row).unwrap_or(u64::MAX)
        });
        let (metric, mut vectors) = (self.metric, Vec::new());
        self.file.read_each(sample, |_, vector| {
            push_native(metric, vector, &mut vectors);
            Ok::<_, StorageError>(())
        })?;
        tracing::info!(index = self.derived.kind().text(), vectors = count, "training");
        Ok(self.derived.train(&vectors))
    }

    fn add_committed(&mut self) -> Result<Result<(), DerivedError>, StorageError> {
        let (metric, file, derived) = (self.metric, &self.file, &mut self.derived);
        let norm_max = &mut self.norm_max;
        let mut block = Vec::new();
        let mut added = Ok(());
        file.read(derived.rows()..self.rows, |_, vector| {
            *norm_max = norm_max.max(norm(vector));
            if added.is_ok() {
                push_native(metric, vector, &mut block);
            }
            if size_of_val(&block[..]) >= BLOCK_BYTES {
                added = derived.add(&block);
                block.clear();
            }
            Ok::<_, StorageError>(())
        })?;
        Ok(added.and_then(|()| derived.add(&block)))
    }

    /// Writes the derived index out when that saves work at the next opening. Failing to is no failure.
    pub(super) fn save(&mut self, path: &Path) {
        if self.may_save
            && self.derived.is_worth_saving()
            && let Err(error) = self.derived.save(path)
        {
            tracing::warn!(%error, "the index will be built again at the next start");
        }
    }
}
