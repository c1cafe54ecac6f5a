//! Building the derived index of a shard, beside those who search and write.
//!
//! Committed rows are never changed, hence they can be read, learned from and added to an index of its own without any
//! lock. What is written meanwhile is compared vector by vector, and added before the index takes its place.

use std::ops::Range;
use std::sync::atomic::Ordering;

use flowrun_sdk::tracing;

use super::vectors::{Served, Vectors};
use crate::ann::{
    AnnError, AnnIndex, CentroidGroups, IndexType, cancel_when, push_faiss_vector, set_threads,
};
use crate::metric::norm;
use crate::storage::StorageError;

/// How many bytes of vectors are handed to FAISS at once.
const BLOCK_BYTES: usize = 8 << 20;
/// How many rows a graph takes before those who search get their turn: some milliseconds.
const ROWS_PER_TURN: usize = 8;
/// Up to so many rows an index is trained by whoever brings them: it takes less than a second.
const SMALL_ROWS: u64 = 16_384;
/// So many rows are added to a new index while who writes waits, before it takes the place of the one that answers.
const FOLLOWED_ROWS: u64 = 4096;
/// So many rows may be missing from an index that is on disk alone before it is taken into memory for them.
const MISSING_AT_REST_MAX: u64 = 8192;
/// So many more rows than are saved are worth saving before the end.
const UNSAVED_ROWS_MAX: u64 = 1 << 17;

/// What the building remembers.
#[derive(Debug, Default)]
pub(super) struct Building {
    /// Kinds that FAISS would not train on these vectors. Not tried again before the next opening.
    given_up: Vec<IndexType>,
    /// How many rows could be found when the index that answers was built.
    built_for: u64,
    /// An index is being built, by one at a time.
    is_under_way: bool,
    /// The index that answers takes no more rows.
    is_stuck: bool,
}

/// What is to be done next.
#[derive(Debug, PartialEq)]
enum Work {
    Build(IndexType),
    CatchUp,
    Nothing,
}

impl Vectors {
    /// Does all that is to be done now, or as much as there is time for before this is over. An index is built only if
    /// that `may_build`.
    pub(super) fn work(&self, may_build: bool) -> Result<(), StorageError> {
        set_threads(self.threads);
        loop {
            match self.next_work() {
                _ if self.is_over() => return Ok(()),
                Work::Nothing => break self.pause(),
                Work::Build(_) if !may_build => return Ok(()),
                Work::Build(kind) => self.build(&kind)?,
                Work::CatchUp => self.catch_up()?,
            }
        }
        let unsaved = self.served.read().derived.unsaved_rows();
        if unsaved > UNSAVED_ROWS_MAX {
            self.save();
        }
        Ok(())
    }

    /// Lets go of what only makes work faster.
    fn pause(&self) {
        let _building = self.building.lock();
        if self.served.read().grouped.is_some() {
            self.served.write().grouped = None;
        }
    }

    /// Whether there is anything to be done, or may be when somebody else is done: who works now may have looked before
    /// the last rows came.
    pub(super) fn has_work(&self) -> bool {
        self.building.is_locked() || self.next_work() != Work::Nothing || self.served.read().grouped.is_some()
    }

    /// Whether an index is to be built.
    pub(super) fn is_to_be_built(&self) -> bool {
        matches!(self.next_work(), Work::Build(_))
    }

    /// What whoever writes does for the index: nothing that takes long, unless so many rows wait that those who search
    /// would notice.
    pub(super) fn keep_up(&self, missing_max: u64) -> Result<(), StorageError> {
        self.build_if_small()?;
        if self.served.read().derived.index_type().is_exact() || self.missing() > missing_max {
            self.catch_up()?;
        }
        Ok(())
    }

    /// Trains an index when that takes no time.
    pub(super) fn build_if_small(&self) -> Result<(), StorageError> {
        match self.next_work() {
            Work::Build(kind) if self.committed.load(Ordering::Acquire) <= SMALL_ROWS => self.build(&kind),
            _ => Ok(()),
        }
    }

    fn next_work(&self) -> Work {
        // Who builds knows what comes next.
        let Some(building) = self.building.try_lock() else { return Work::Nothing };
        let served = self.served.read();
        let (rows, live) = (self.committed.load(Ordering::Acquire), self.live.load(Ordering::Acquire));
        let dimension = self.file.dimension();
        let derived = &served.derived;
        let is_outgrown = !derived.is_trained() || live > building.built_for;
        if let Ok(kind) = self.choice.resolve(live, dimension)
            && is_outgrown
            && !building.is_under_way
            && (!derived.is_trained() || *derived.index_type() != kind)
            && rows >= kind.training_rows_min().max(1)
            && !building.given_up.contains(&kind)
        {
            return Work::Build(kind);
        }
        let covers =
            if derived.index_type().is_exact() { self.choice.flat_rows_max(dimension) } else { u64::MAX };
        let missing_max = if derived.is_evicted() { MISSING_AT_REST_MAX } else { 0 };
        let is_behind = derived.is_trained() && derived.rows() + missing_max < rows.min(covers);
        if is_behind && !building.is_stuck { Work::CatchUp } else { Work::Nothing }
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// Makes committed rows searchable by FAISS. What it will not take is searched without it.
    pub(super) fn catch_up(&self) -> Result<(), StorageError> {
        let mut building = self.building.lock();
        self.group_served();
        loop {
            let (start, rows, is_ready) = {
                let served = self.served.read();
                let rows = self.rows_for(&served.derived);
                let is_ready = served.derived.is_trained() && !served.derived.is_evicted();
                (served.derived.rows(), rows, is_ready)
            };
            if !is_ready || start >= rows || building.is_stuck || self.is_over() {
                return Ok(());
            }
            let (block, norm_max) = self.native(start..rows.min(start + self.rows_per_block()))?;
            if let Err(error) = self.add(&block, norm_max) {
                let served = self.served.read();
                warn(served.derived.index_type(), &error, "some vectors are compared one by one");
                building.is_stuck = true;
            }
        }
    }

    /// How many rows an index is to cover.
    pub(super) fn rows_for(&self, derived: &AnnIndex) -> u64 {
        let rows = self.committed.load(Ordering::Acquire);
        if derived.index_type().is_exact() {
            rows.min(self.choice.flat_rows_max(self.file.dimension()))
        } else {
            rows
        }
    }

    fn rows_per_block(&self) -> u64 {
        (BLOCK_BYTES / (self.file.dimension() * size_of::<f32>())).max(1) as u64
    }

    /// Adds the next rows to the index that answers. Where they go is worked out beside searches.
    fn add(&self, block: &[f32], norm_max: f64) -> Result<(), AnnError> {
        let staged = self.served.read().stage(block)?;
        if let Some(staged) = staged {
            return self.served.write().derived.add_staged(&staged);
        }
        let is_exact = {
            let mut served = self.served.write();
            // Before the rows, so that no search has a row that is longer than it knows.
            served.norm_max = served.norm_max.max(norm_max);
            served.derived.index_type().is_exact()
        };
        let rows = if is_exact { block.len() } else { ROWS_PER_TURN * self.file.dimension() };
        block.chunks(rows.max(1)).try_for_each(|rows| self.served.write().derived.add(rows))
    }

    /// Builds an index of that kind and puts it in the place of the one that answers. When FAISS will not, that stays.
    fn build(&self, kind: &IndexType) -> Result<(), StorageError> {
        if std::mem::replace(&mut self.building.lock().is_under_way, true) {
            return Ok(());
        }
        let built = self.build_alone(kind);
        self.building.lock().is_under_way = false;
        built
    }

    fn build_alone(&self, kind: &IndexType) -> Result<(), StorageError> {
        let rows = self.committed.load(Ordering::Acquire);
        let live = self.live.load(Ordering::Acquire);
        let built = cancel_when(&self.is_over, || self.train(kind, rows))?;
        let built = match built {
            Ok(built) => self.follow(built)?,
            Err(error) => Err(error),
        };
        match built {
            _ if self.is_over() => Ok(()),
            Ok(built) => self.adopt(built, live),
            Err(error) => {
                warn(kind, &error, "training failed; what is there answers");
                self.building.lock().given_up.push(kind.clone());
                Ok(())
            }
        }
    }

    /// A trained index of the rows up to `rows`.
    fn train(&self, kind: &IndexType, rows: u64) -> Result<Result<Served, AnnError>, StorageError> {
        let made = AnnIndex::new(kind.clone(), self.file.dimension(), self.distance_bound, self.tuning);
        let mut built = match made {
            Ok(derived) => Served::new(derived),
            Err(error) => return Ok(Err(error)),
        };
        if let Err(error) = self.learn(&mut built.derived, rows)? {
            return Ok(Err(error));
        }
        built.grouped = self.grouped(&built.derived);
        while built.derived.rows() < rows && !self.is_over() {
            if let Err(error) = self.extend(&mut built, rows)? {
                return Ok(Err(error));
            }
        }
        Ok(Ok(built))
    }

    /// Adds what was written since to an index that nobody searches yet, until little is missing: who writes does not
    /// wait for that.
    fn follow(&self, mut built: Served) -> Result<Result<Served, AnnError>, StorageError> {
        loop {
            let rows = self.rows_for(&built.derived);
            if rows.saturating_sub(built.derived.rows()) <= FOLLOWED_ROWS || self.is_over() {
                return Ok(Ok(built));
            }
            if let Err(error) = self.extend(&mut built, rows)? {
                return Ok(Err(error));
            }
        }
    }

    /// What makes it faster to add all rows that an index lacks, where anything does.
    fn grouped(&self, derived: &AnnIndex) -> Option<CentroidGroups> {
        let missing = self.rows_for(derived).saturating_sub(derived.rows());
        // Without it, it takes longer.
        derived.group_centroids(missing).unwrap_or_default()
    }

    /// The same for the index that answers, which nobody may replace meanwhile.
    fn group_served(&self) {
        let grouped = {
            let served = self.served.read();
            if served.grouped.is_some() {
                return;
            }
            self.grouped(&served.derived)
        };
        if grouped.is_some() {
            self.served.write().grouped = grouped;
        }
    }

    /// Learns from vectors evenly spaced over the file.
    fn learn(&self, derived: &mut AnnIndex, rows: u64) -> Result<Result<(), AnnError>, StorageError> {
        if derived.is_trained() {
            return Ok(Ok(()));
        }
        let count = derived.index_type().training_rows_max().min(rows).max(1);
        let sample = (0..count).map(|number| {
            let row = u128::from(number) * u128::from(rows) / u128::from(count);
            u64::try_from(row).unwrap_or(u64::MAX)
        });
        let mut vectors = Vec::new();
        for row in sample {
            push_faiss_vector(self.metric, &self.file.vector(row)?, &mut vectors);
        }
        tracing::info!(index = derived.index_type().text(), vectors = count, "training");
        Ok(derived.train(&vectors))
    }

    /// Adds the next block of rows to an index that nobody searches yet.
    fn extend(&self, built: &mut Served, rows: u64) -> Result<Result<(), AnnError>, StorageError> {
        let start = built.derived.rows();
        let (block, norm_max) = self.native(start..rows.min(start + self.rows_per_block()))?;
        built.norm_max = built.norm_max.max(norm_max);
        let staged = built.stage(&block);
        Ok(staged.and_then(|staged| match staged {
            Some(staged) => built.derived.add_staged(&staged),
            None => built.derived.add(&block),
        }))
    }

    /// Puts an index in the place of the one that answers, once it has all rows.
    fn adopt(&self, mut built: Served, live: u64) -> Result<(), StorageError> {
        let mut building = self.building.lock();
        loop {
            let rows = self.rows_for(&built.derived);
            if built.derived.rows() >= rows || self.is_over() {
                break;
            }
            if let Err(error) = self.extend(&mut built, rows)? {
                warn(built.derived.index_type(), &error, "some vectors are compared one by one");
                break;
            }
        }
        building.built_for = live;
        building.is_stuck = false;
        tracing::info!(index = built.derived.index_type().text(), rows = built.derived.rows(), "built");
        // What was there may be large; it goes away when nobody waits for the lock any more.
        let replaced = std::mem::replace(&mut *self.served.write(), built);
        drop((building, replaced));
        self.save();
        Ok(())
    }

    /// Rows in the form in which FAISS gets them, and the length of the longest.
    fn native(&self, rows: Range<u64>) -> Result<(Vec<f32>, f64), StorageError> {
        let (mut block, mut norm_max) = (Vec::new(), 0.0_f64);
        self.file.read(rows, |_, vector| {
            norm_max = norm_max.max(norm(vector));
            push_faiss_vector(self.metric, vector, &mut block);
            Ok::<_, StorageError>(())
        })?;
        Ok((block, norm_max))
    }
}

fn warn(kind: &IndexType, error: &AnnError, consequence: &str) {
    tracing::warn!(index = kind.text(), %error, "{consequence}");
}
