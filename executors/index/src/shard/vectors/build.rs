//! Building another FAISS index, in parallel with searches and writes.
//!
//! A new index is trained on a sample of the committed rows and filled without any lock. Rows that are written
//! meanwhile are compared one by one in searches, and added before the new index replaces the served one.

use flowrun_sdk::tracing;

use super::build_state::NextStep;
use super::catch_up::warn;
use super::served_index::ServedIndex;
use super::vector_index::VectorIndex;
use crate::ann::{AnnError, AnnIndex, IndexType, cancel_when, push_faiss_vector, set_threads};
use crate::storage::StorageError;

/// Largest number of rows for which the writer itself trains an index: it takes less than a second.
const SMALL_ROWS: u64 = 16_384;
/// Rows that may be missing from a new index when it is adopted; they are added while writers wait.
const ADOPTION_ROWS_MAX: u64 = 4096;
/// Rows that may be missing from an evicted index before it is loaded to add them.
const EVICTED_MISSING_ROWS_MAX: u64 = 8192;
/// Unsaved rows that make it worthwhile to save the index before the shard is closed.
const UNSAVED_ROWS_MAX: u64 = 1 << 17;

impl VectorIndex {
    /// Runs all due steps, until this index is retired. An index is built only with `may_build`.
    pub(in crate::shard) fn work(&self, may_build: bool) -> Result<(), StorageError> {
        set_threads(self.threads);
        loop {
            match self.next_step() {
                _ if self.is_retired() => return Ok(()),
                NextStep::Idle => break self.drop_grouping(),
                NextStep::Build(_) if !may_build => return Ok(()),
                NextStep::Build(kind) => self.build(&kind)?,
                NextStep::CatchUp => self.catch_up()?,
            }
        }
        let unsaved = self.served.read().index.unsaved_rows();
        if unsaved > UNSAVED_ROWS_MAX {
            self.save();
        }
        Ok(())
    }

    /// Drops the grouping, which only accelerates adding rows.
    fn drop_grouping(&self) {
        let _build = self.build.lock();
        if self.served.read().grouped.is_some() {
            self.served.write().grouped = None;
        }
    }

    /// Returns whether a step is due. Also true while another thread works, because that thread may have looked
    /// before the last rows were committed.
    pub(in crate::shard) fn has_work(&self) -> bool {
        self.build.is_locked() || self.next_step() != NextStep::Idle || self.served.read().grouped.is_some()
    }

    /// Returns whether another index is to be built.
    pub(in crate::shard) fn is_build_due(&self) -> bool {
        matches!(self.next_step(), NextStep::Build(_))
    }

    /// Builds the index if it is due and there are few rows.
    pub(super) fn build_if_small(&self) -> Result<(), StorageError> {
        match self.next_step() {
            NextStep::Build(kind) if self.committed_rows() <= SMALL_ROWS => self.build(&kind),
            _ => Ok(()),
        }
    }

    fn next_step(&self) -> NextStep {
        // The thread that holds the lock determines the next step itself.
        let Some(build) = self.build.try_lock() else { return NextStep::Idle };
        let served = self.served.read();
        let (rows, live) = (self.committed_rows(), self.live_rows());
        let dimension = self.file.dimension();
        let index = &served.index;
        let is_outgrown = !index.is_trained() || live > build.built_for;
        if let Ok(kind) = self.choice.resolve(live, dimension)
            && is_outgrown
            && !build.is_building
            && (!index.is_trained() || *index.index_type() != kind)
            && rows >= kind.training_rows_min().max(1)
            && !build.failed_types.contains(&kind)
        {
            return NextStep::Build(kind);
        }
        let covers =
            if index.index_type().is_exact() { self.choice.flat_rows_max(dimension) } else { u64::MAX };
        let missing_max = if index.is_evicted() { EVICTED_MISSING_ROWS_MAX } else { 0 };
        let lacks_rows = index.is_trained() && index.rows() + missing_max < rows.min(covers);
        if lacks_rows && !build.rejects_rows { NextStep::CatchUp } else { NextStep::Idle }
    }

    /// Builds an index of this type and replaces the served one. If FAISS fails, the served index stays.
    fn build(&self, kind: &IndexType) -> Result<(), StorageError> {
        if std::mem::replace(&mut self.build.lock().is_building, true) {
            return Ok(());
        }
        let built = self.build_alone(kind);
        self.build.lock().is_building = false;
        built
    }

    fn build_alone(&self, kind: &IndexType) -> Result<(), StorageError> {
        let (rows, live) = (self.committed_rows(), self.live_rows());
        let built = cancel_when(self.retired_flag(), || self.train_and_fill(kind, rows))?;
        let built = match built {
            Ok(built) => self.add_rows_written_since(built)?,
            Err(error) => Err(error),
        };
        match built {
            _ if self.is_retired() => Ok(()),
            Ok(built) => self.adopt(built, live),
            Err(error) => {
                warn(kind, &error, "training failed; the current index stays in use");
                self.build.lock().failed_types.push(kind.clone());
                Ok(())
            }
        }
    }

    /// Trains an index and fills it with the first `rows` rows.
    fn train_and_fill(
        &self,
        kind: &IndexType,
        rows: u64,
    ) -> Result<Result<ServedIndex, AnnError>, StorageError> {
        let created = AnnIndex::new(kind.clone(), self.file.dimension(), self.distance_bound, self.tuning);
        let mut built = match created {
            Ok(index) => ServedIndex::new(index),
            Err(error) => return Ok(Err(error)),
        };
        if let Err(error) = self.train(&mut built.index, rows)? {
            return Ok(Err(error));
        }
        built.grouped = self.group(&built.index);
        while built.index.rows() < rows && !self.is_retired() {
            if let Err(error) = self.extend(&mut built, rows)? {
                return Ok(Err(error));
            }
        }
        Ok(Ok(built))
    }

    /// Adds rows that were committed during the build, until few are missing; writers do not wait for this.
    fn add_rows_written_since(
        &self,
        mut built: ServedIndex,
    ) -> Result<Result<ServedIndex, AnnError>, StorageError> {
        loop {
            let rows = self.rows_to_cover(&built.index);
            if rows.saturating_sub(built.index.rows()) <= ADOPTION_ROWS_MAX || self.is_retired() {
                return Ok(Ok(built));
            }
            if let Err(error) = self.extend(&mut built, rows)? {
                return Ok(Err(error));
            }
        }
    }

    /// Trains an index on vectors evenly spaced over the file.
    fn train(&self, index: &mut AnnIndex, rows: u64) -> Result<Result<(), AnnError>, StorageError> {
        if index.is_trained() {
            return Ok(Ok(()));
        }
        let count = index.index_type().training_rows_max().min(rows).max(1);
        let sample = (0..count).map(|number| {
            let row = u128::from(number) * u128::from(rows) / u128::from(count);
            u64::try_from(row).unwrap_or(u64::MAX)
        });
        let mut vectors = Vec::new();
        for row in sample {
            push_faiss_vector(self.metric, &self.file.vector(row)?, &mut vectors);
        }
        tracing::info!(index = index.index_type().text(), vectors = count, "training");
        Ok(index.train(&vectors))
    }

    /// Replaces the served index by a new one, after adding the rows that it still lacks.
    fn adopt(&self, mut built: ServedIndex, live: u64) -> Result<(), StorageError> {
        let mut build = self.build.lock();
        loop {
            let rows = self.rows_to_cover(&built.index);
            if built.index.rows() >= rows || self.is_retired() {
                break;
            }
            if let Err(error) = self.extend(&mut built, rows)? {
                warn(
                    built.index.index_type(),
                    &error,
                    "rows could not be added; they are compared one by one",
                );
                break;
            }
        }
        build.built_for = live;
        build.rejects_rows = false;
        tracing::info!(index = built.index.index_type().text(), rows = built.index.rows(), "built");
        // The old index may be large; it is freed after the locks are released.
        let replaced = std::mem::replace(&mut *self.served.write(), built);
        drop((build, replaced));
        self.save();
        Ok(())
    }
}
