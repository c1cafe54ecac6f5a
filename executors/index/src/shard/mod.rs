//! An open shard: what the replicas of an executor share.
//!
//! Reading goes on beside writing: a search sees what was committed when it began. Who writes does so alone. A write is
//! acknowledged when it is on disk: vectors first, then, in one atomic commit, everything that refers to them. Only then
//! do others see it. Executors are in `vector_indexer` and `document_store`; how things are stored is in `storage`; what
//! happens where nobody waits is in [`worker`].

mod answer;
mod backup;
mod building;
mod catalogue;
mod centroids;
mod compacting;
mod expiry;
mod filtered;
mod following;
mod generation;
mod holdings;
mod moment;
mod nearest;
mod observed;
mod recurring;
mod residency;
mod rows;
mod search;
mod settings;
mod state;
mod tags;
mod vectors;
mod view;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use compacting::Compacting;
use flowrun_sdk::{Context, Value, tracing};
use following::Seen;
use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use serde_json::json;

pub(crate) use answer::{AnswerBudget, Match};
pub(crate) use backup::BackupName;
pub(crate) use filtered::Page;
pub(crate) use holdings::IndexSummary;
pub(crate) use moment::ReadTransaction;
use nearest::Nearest;
pub(crate) use residency::CacheCapacity;
use residency::{Residency, Use};
use rows::RowSet;
pub(crate) use search::{RERANK_MAX, SearchParams};
pub(crate) use settings::Settings;
use state::State;
pub(crate) use worker::OpenShard;

use crate::derived::set_threads;
use crate::metric::Metric;
use crate::storage::{
    Change, DirectoryLock, ElementType, Fsync, Layout, Manifest, Outcome, Plan, StorageError, StorageKind,
    make_directory, remove_remains,
};

/// So many rows may wait for the index before who writes more does some of its work first.
const MISSING_ROWS_MAX: u64 = 8192;

/// So long it is looked whether nobody reads at the moment, before others wait until nobody does.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it is looked.
const PAUSE: Duration = Duration::from_millis(5);

/// An open shard.
#[derive(Debug)]
pub(crate) struct Shard {
    settings: Settings,
    layout: Layout,
    /// Held by who writes; taken before the state.
    writing: Mutex<()>,
    /// Held for reading by who reads or writes, for writing when another generation takes the place of the current one.
    state: RwLock<State>,
    /// Whether somebody wanted to know what the tags are on the whole, and so every generation has to.
    is_catalogued: AtomicBool,
    /// Held by who makes another generation, or writes or reads backups; taken before all others.
    backups: Mutex<()>,
    /// What is known of a compaction.
    compacting: Compacting,
    /// Who may have the index in memory, where not every shard may.
    residency: Option<Arc<Residency>>,
    /// How far who writes was when the state was opened that is only read.
    seen: Mutex<Option<Seen>>,
    /// Given back last. Who only reads has none.
    _lock: Option<DirectoryLock>,
}

impl Shard {
    /// Opens the shard of a context, or joins the replica that has it open.
    ///
    /// # Errors
    /// When what is there is not what is wanted, is damaged, or belongs to another process.
    pub(crate) fn open(context: &Context, settings: Settings) -> Result<Arc<OpenShard>, StorageError> {
        let layout = Layout::new(&context.workspace);
        let schema = settings.schema.clone();
        let health = context.health.clone();
        let open = || {
            let mut shard = Self::open_directory(layout, settings)?;
            if let Some(resident) = shard.settings.cache_capacity {
                let directory = shard.layout.directory();
                let all = directory.parent().unwrap_or(directory);
                shard.residency = Some(Residency::of(&context.pod, all, resident));
            }
            Ok::<_, StorageError>(OpenShard::new(shard, health))
        };
        let shard = context.shared.get_or_open(&context.workspace, open)?;
        let state = shard.read();
        state.manifest.check(&shard.layout, &schema)?;
        drop(state);
        observed::observe(shard.shard(), &context.metrics);
        Ok(shard)
    }

    fn open_directory(layout: Layout, settings: Settings) -> Result<Self, StorageError> {
        Manifest::check_siblings(&layout, &settings.schema)?;
        // What cannot be must leave nothing behind.
        settings.check_index(settings.schema.dimension)?;
        if settings.read_only {
            return Self::open_read_only(layout, settings);
        }
        let directory = layout.directory();
        make_directory(directory)?;
        let lock = DirectoryLock::acquire(&layout)?;
        let written = Manifest::read(&layout)?;
        if let Some(written) = &written {
            written.check(&layout, &settings.schema)?;
        }
        let manifest = match &written {
            Some(written) => written.renewed(&settings.schema),
            // The manifest is written first: without it nothing of ours is here, unless somebody took it away.
            None if layout.has_generations()? => {
                return Err(StorageError::damaged(&layout.manifest(), "it is missing"));
            }
            None => Manifest::new(&settings.schema, 1),
        };
        settings.check_index(manifest.dimension)?;
        if written.as_ref() != Some(&manifest) {
            manifest.write(&layout)?;
        }
        remove_remains(&layout.checkpoints());
        // What was begun and takes room; but nothing as long as the current one is not there.
        if layout.documents(manifest.generation).exists() {
            layout.remove_other_generations(manifest.generation)?;
        }
        let state = State::open(&layout, manifest, &settings)?;
        if written.is_none_or(|written| !written.has_documents) {
            state.manifest.write(&layout)?;
        }
        Ok(Self::new(layout, settings, state, Some(lock)))
    }

    fn new(layout: Layout, settings: Settings, state: State, lock: Option<DirectoryLock>) -> Self {
        Self {
            settings,
            layout,
            writing: Mutex::new(()),
            state: RwLock::new(state),
            is_catalogued: AtomicBool::new(false),
            backups: Mutex::new(()),
            compacting: Compacting::default(),
            residency: None,
            seen: Mutex::default(),
            _lock: lock,
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        set_threads(self.settings.threads);
        self.state.read()
    }

    /// The dimension of the vectors, when it is known. May be asked while a moment is held, whoever waits to write.
    pub(crate) fn dimension(&self) -> Option<usize> {
        self.state.read_recursive().manifest.dimension
    }

    /// How many documents are stored.
    pub(crate) fn document_count(&self) -> u64 {
        self.read().view().counters.documents
    }

    /// How distances are measured.
    pub(crate) fn metric(&self) -> Metric {
        self.settings.schema.metric
    }

    /// What the elements of stored vectors are. May be asked while a moment is held, whoever waits to write.
    pub(crate) fn elements(&self) -> ElementType {
        self.state.read_recursive().manifest.elements()
    }

    /// Makes a change durable, and then visible, that may depend on what is stored: nobody else writes meanwhile.
    fn write<E: From<StorageError>>(
        &self,
        change: impl FnOnce(&ReadTransaction<'_>) -> Result<Change, E>,
    ) -> Result<Outcome, E> {
        let _writing = self.writing.lock();
        let change = change(&self.read_transaction())?;
        let outcome = self.store(change)?;
        if let Err(error) = self.keep_up() {
            // It is written, and found without FAISS.
            tracing::warn!(%error, "new vectors cannot be read back");
        }
        Ok(outcome)
    }

    /// The same for who brings much, and [settles](OpenShard::wait_until_indexed) when all is there: then one index is built of all.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub(crate) fn bulk_load(&self, change: Change) -> Result<Outcome, StorageError> {
        let _writing = self.writing.lock();
        self.store(change)
    }

    /// Makes a change durable and visible, for whoever holds the lock of writers.
    fn store(&self, change: Change) -> Result<Outcome, StorageError> {
        set_threads(self.settings.threads);
        let mut state = self.state.read();
        state.check_unbroken(&self.layout)?;
        if self.settings.fsync == Fsync::Always {
            state.make_earlier_durable()?;
        }
        let file = state.vectors.as_ref().map(|vectors| &vectors.file);
        let plan = Plan::new(&state.table, file, change)?;
        let outcome = plan.outcome;
        let dimension = state.check_dimensions(plan.vectors().map(<[f32]>::len), &self.settings)?;
        if let Some(dimension) = dimension.filter(|_| state.vectors.is_none()) {
            drop(state);
            self.state.write().prepare_vectors(dimension, &self.layout, &self.settings)?;
            state = self.state.read();
        }
        if !plan.is_empty() {
            let touched = self.compacting.touched_by(&plan);
            state.apply(plan, self.settings.fsync)?;
            self.compacting.note(touched);
            if self.is_catalogued.load(Ordering::Acquire)
                && let Err(error) = state.keep_centroids()
            {
                // It is written; queries go to where the older vectors are.
                tracing::warn!(%error, "what vectors gather around cannot be learned");
            }
        }
        Ok(outcome)
    }

    /// Does what whoever writes does for the index.
    fn keep_up(&self) -> Result<(), StorageError> {
        let Some(vectors) = self.state.read().vectors.clone() else { return Ok(()) };
        // An index that is not in memory is not waited for.
        let residency = self.residency.as_ref();
        let entered = residency.map(|residency| residency.enter_present(self));
        if matches!(entered, Some(None)) {
            return Ok(());
        }
        vectors.keep_up(MISSING_ROWS_MAX)
    }

    /// Removes everything.
    pub(crate) fn clear(&self) -> Result<(), StorageError> {
        let hurry = self.compacting.hurry();
        // Nobody waits for the state behind a backup, as those who want to read would wait behind them.
        let _alone = self.backups.lock();
        drop(hurry);
        let _writing = self.writing.lock();
        let manifest = Manifest::new(&self.settings.schema, self.unbroken_generation()? + 1);
        // What an attempt that failed left there is not what is made now.
        self.layout.remove_other_generations(manifest.generation - 1)?;
        // The new generation is whole before the manifest names it; from there on the old one is gone.
        let cleared = self.catalogued(State::open(&self.layout, manifest, &self.settings)?)?;
        self.switch(cleared)
    }

    /// The current generation, if another may take its place.
    fn unbroken_generation(&self) -> Result<u32, StorageError> {
        let state = self.state.read();
        state.check_unbroken(&self.layout)?;
        Ok(state.manifest.generation)
    }

    /// A generation that nobody sees yet, knowing what its tags are on the whole if that is kept up.
    fn catalogued(&self, next: State) -> Result<State, StorageError> {
        if self.is_catalogued.load(Ordering::Acquire) {
            next.fill_catalogue()?;
            next.keep_centroids()?;
        }
        Ok(next)
    }

    /// Gathers what the tags are on the whole, and keeps it up from now on. Who writes waits.
    fn fill_catalogue(&self) -> Result<(), StorageError> {
        let _writing = self.writing.lock();
        let state = self.state.read();
        self.is_catalogued.store(true, Ordering::Release);
        if state.catalogue.read().is_none() {
            state.fill_catalogue()?;
        }
        state.keep_centroids()
    }

    /// Puts a generation that is whole in the place of the current one. Nobody else may write.
    fn switch(&self, next: State) -> Result<(), StorageError> {
        let written = next.manifest.write(&self.layout);
        // If it is not known which generation is current, what is written to this one may be lost.
        written.inspect_err(|error| self.state.read().break_off(error))?;
        let generation = next.manifest.generation;
        drop(self.replace(next));
        if let Err(error) = self.layout.remove_other_generations(generation) {
            // It is no longer referred to, and removed at the next opening.
            tracing::warn!(%error, "what was there before takes its room still");
        }
        Ok(())
    }

    /// Lets a state be seen instead of the current one, which is returned: nobody reads it any more.
    fn replace(&self, next: State) -> State {
        let mut state = self.write_state();
        if let Some(old) = state.vectors.as_ref().filter(|old| !next.has(old)) {
            // Whoever closes the shard closes what takes its place.
            let is_over = old.is_over.swap(true, Ordering::AcqRel);
            if let Some(new) = next.vectors.as_ref().filter(|_| is_over) {
                new.is_over.store(true, Ordering::Release);
            }
        }
        std::mem::replace(&mut *state, next)
    }

    /// The state, to be replaced. Who waits for a lock holds up who comes later to read: so nobody waits at first.
    fn write_state(&self) -> RwLockWriteGuard<'_, State> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.state.try_write() {
                Some(state) => return state,
                None if Instant::now() >= until => return self.state.write(),
                None => std::thread::sleep(PAUSE),
            }
        }
    }

    /// Writes out what would have to be computed again at the next opening, unless the index is only read.
    pub(crate) fn save_index(&self) {
        let vectors = self.state.read().vectors.clone();
        if let Some(vectors) = vectors {
            vectors.finish();
        }
    }

    /// What there is to say about the shard, by name.
    pub(crate) fn status(&self) -> Result<Vec<(&'static str, Value)>, StorageError> {
        let state = self.read();
        let view = state.view();
        let mut status = vec![("documents", json!(view.counters.documents))];
        if self.settings.schema.kind == StorageKind::Documents {
            return Ok(status);
        }
        let vectors = state.vectors.as_ref();
        status.push(("vectors", json!(vectors.map_or(0, |_| view.live()))));
        status.push(("deleted", json!(vectors.map_or(0, |_| view.dead.len()))));
        status.push(("dimension", json!(state.manifest.dimension)));
        status.push(("metric", json!(self.settings.schema.metric.name())));
        let index = vectors.map(|vectors| vectors.served.read().derived.kind().text().to_owned());
        status.push(("index", json!(index.unwrap_or_else(|| self.settings.index.text().to_owned()))));
        status.push(("trained", json!(vectors.is_some_and(|vectors| vectors.is_trained()))));
        if self.residency.is_some() {
            status.push(("resident", json!(vectors.is_some_and(|vectors| !vectors.is_at_rest()))));
        }
        Ok(status)
    }
}

#[cfg(test)]
mod tests;
