//! What writing changes: the one generation of a shard that is current.

use flowrun_sdk::tracing;

use super::generation::Generation;
use super::vectors::{Rows, Vectors};
use super::{RowSet, Settings};
use crate::derived::set_threads;
use crate::storage::{Fsync, Kind, Layout, Manifest, Plan, StorageError, Table};

/// What writing changes.
#[derive(Debug)]
pub(super) struct State {
    pub(super) manifest: Manifest,
    pub(super) table: Table,
    /// `None` where there are no vectors, or none yet.
    pub(super) vectors: Option<Vectors>,
    /// Why nothing more is written: a write failed, and what is on disk is not known.
    pub(super) broken: Option<String>,
    /// Nothing that was stored before this opening is left to the operating system alone.
    is_durable: bool,
}

impl State {
    pub(super) fn open(
        layout: &Layout,
        manifest: Manifest,
        settings: &Settings,
    ) -> Result<Self, StorageError> {
        set_threads(settings.threads);
        let Generation { manifest, table, counters, dead } = Generation::open(layout, manifest, settings)?;
        let vectors = match manifest.dimension {
            Some(dimension) if settings.wanted.kind == Kind::Vectors => {
                let rows = Rows { count: counters.rows, dead };
                Some(Vectors::open(layout, manifest.generation, dimension, rows, settings)?)
            }
            _ => None,
        };
        tracing::debug!(directory = %layout.directory().display(), documents = counters.documents, "opened");
        Ok(Self { manifest, table, vectors, broken: None, is_durable: false })
    }

    /// Makes durable what an earlier run, with another policy, left to the operating system: from now on it is
    /// acknowledged anew whenever it is found to be stored already.
    pub(super) fn make_earlier_durable(&mut self) -> Result<(), StorageError> {
        if !self.is_durable {
            if let Some(vectors) = &self.vectors {
                vectors.file.sync()?;
            }
            self.table.sync()?;
            self.is_durable = true;
        }
        Ok(())
    }

    pub(super) fn check_unbroken(&self, layout: &Layout) -> Result<(), StorageError> {
        match &self.broken {
            None => Ok(()),
            Some(reason) => {
                Err(StorageError::Broken { path: layout.directory().to_owned(), reason: reason.clone() })
            }
        }
    }

    pub(super) fn apply(
        &mut self,
        mut plan: Plan,
        layout: &Layout,
        settings: &Settings,
    ) -> Result<(), StorageError> {
        if let Some(dimension) = plan.vectors().next().map(<[f32]>::len) {
            self.prepare_vectors(dimension, layout, settings)?;
        }
        if let Some(vectors) = &self.vectors {
            vectors.file.write(plan.first_row(), plan.vectors())?;
        }
        // From here on a failure leaves open what is on disk, and a later write might contradict it.
        self.make_durable(&mut plan, settings.fsync)
            .inspect_err(|error| self.broken = Some(error.to_string()))?;
        if let Some(vectors) = &mut self.vectors {
            vectors.dead.extend(plan.dead_rows());
            vectors.rows = plan.after.rows;
            if let Err(error) = vectors.catch_up() {
                // It is written, and found without FAISS.
                tracing::warn!(%error, "new vectors cannot be read back");
            }
        }
        Ok(())
    }

    fn make_durable(&self, plan: &mut Plan, fsync: Fsync) -> Result<(), StorageError> {
        match &self.vectors {
            Some(vectors) if fsync == Fsync::Always && plan.vectors().next().is_some() => {
                vectors.file.sync()?
            }
            _ => {}
        }
        plan.commit(&self.table, fsync)
    }

    /// Makes the file of vectors when the first ones come.
    fn prepare_vectors(
        &mut self,
        dimension: usize,
        layout: &Layout,
        settings: &Settings,
    ) -> Result<(), StorageError> {
        match self.manifest.dimension {
            Some(written) if written != dimension => {
                let reason = format!("the vectors have {dimension} dimensions, the index {written}");
                return Err(StorageError::Mismatch { parameter: settings.wanted.names.dimension, reason });
            }
            Some(_) if self.vectors.is_some() => return Ok(()),
            _ => {}
        }
        let manifest = self.manifest.with_dimension(dimension);
        let rows = Rows { count: self.table.counters()?.rows, dead: RowSet::default() };
        let vectors = Vectors::open(layout, manifest.generation, dimension, rows, settings)?;
        manifest.write(layout)?;
        self.manifest = manifest;
        self.vectors = Some(vectors);
        Ok(())
    }
}
