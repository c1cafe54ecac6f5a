//! The vectors of a shard: the file, the rows that are dead, and the FAISS index derived from both.

use std::path::Path;

use flowrun_sdk::tracing;

use super::training::add_rows;
use super::{RowSet, Settings};
use crate::derived::{Approximation, Derived};
use crate::metric::Metric;
use crate::storage::{Layout, StorageError, VectorFile};

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
    /// Training was begun; whatever becomes of it, it is not tried again before the next opening.
    pub(super) is_training_begun: bool,
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
            is_training_begun: false,
            may_save: !(is_unusable && settings.read_only),
        };
        if let Some(training) = vectors.begin_training()
            && let Some(trained) = training.run()?
        {
            vectors.derived = trained;
        }
        vectors.catch_up()?;
        vectors.save(&derived_path);
        Ok(vectors)
    }

    /// Rows that can be found.
    pub(super) fn live(&self) -> u64 {
        self.rows.saturating_sub(self.dead.len())
    }

    /// Makes committed rows searchable by FAISS, once it is trained. What it will not take is searched without it.
    pub(super) fn catch_up(&mut self) -> Result<(), StorageError> {
        if !self.derived.is_trained() {
            return Ok(());
        }
        let rows = self.derived.rows()..self.rows;
        let added = add_rows(&self.file, self.metric, rows, &mut self.derived, &mut self.norm_max)?;
        if let Err(error) = added {
            tracing::warn!(index = self.derived.kind().text(), %error, "some vectors are compared one by one");
        }
        Ok(())
    }

    /// Puts a trained index in the place of the one that was not.
    pub(super) fn adopt(&mut self, trained: Derived) -> Result<(), StorageError> {
        self.derived = trained;
        self.catch_up()
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
