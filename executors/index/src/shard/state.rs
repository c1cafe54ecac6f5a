//! The one generation of a shard that is current: its files, and what of them is committed.

use std::sync::Arc;

use flowrun_sdk::tracing;
use parking_lot::{Mutex, RwLock};

use super::catalogue::Catalogue;
use super::centroids::Centroids;
use super::expiry::Expiry;
use super::generation::Generation;
use super::tags::TagColumns;
use super::vectors::Vectors;
use super::view::View;
use super::{RowSet, Settings};
use crate::derived::set_threads;
use crate::storage::{Fsync, Layout, Manifest, Plan, StorageError, StorageKind, Table};

/// The current generation.
#[derive(Debug)]
pub(super) struct State {
    pub(super) manifest: Manifest,
    pub(super) table: Table,
    /// `None` where there are no vectors, or none yet.
    pub(super) vectors: Option<Arc<Vectors>>,
    /// What is committed. It changes as a whole, when a write is durable.
    view: RwLock<Arc<View>>,
    pub(super) durability: Mutex<Durability>,
    /// What the tags are on the whole, once somebody wanted to know. Widened before what is written can be found.
    pub(super) catalogue: RwLock<Option<Catalogue>>,
    /// What the vectors gather around, once somebody wanted to know.
    pub(super) centroids: RwLock<Option<Centroids>>,
    /// Until when documents are kept, where some tag says that.
    pub(super) expiry: Option<Expiry>,
}

/// What is known of what the disk has.
#[derive(Debug, Default)]
pub(super) struct Durability {
    /// Why nothing more is written: a write failed, and what is on disk is not known.
    pub(super) broken: Option<String>,
    /// Nothing that was stored before this opening is left to the operating system alone.
    is_durable: bool,
    /// Something was acknowledged that the disk was not told of yet.
    pub(super) is_unsynced: bool,
}

impl State {
    pub(super) fn open(
        layout: &Layout,
        manifest: Manifest,
        settings: &Settings,
    ) -> Result<Self, StorageError> {
        Self::open_with(layout, manifest, settings, None)
    }

    /// The same with vectors that are open already.
    pub(super) fn open_with(
        layout: &Layout,
        manifest: Manifest,
        settings: &Settings,
        vectors: Option<Arc<Vectors>>,
    ) -> Result<Self, StorageError> {
        set_threads(settings.threads);
        let Generation { manifest, table, counters, dead } = Generation::open(layout, manifest, settings)?;
        let view = View::new(&table, Arc::new(dead))?;
        let expires = settings.expires.as_ref().filter(|_| !settings.read_only);
        let expiry = expires.map(|tag| Expiry::read(tag, &view.table)).transpose()?;
        let vectors = match manifest.dimension {
            _ if vectors.is_some() => vectors,
            Some(dimension) if settings.schema.kind == StorageKind::Vectors => {
                let opened = Vectors::open(layout, &manifest, dimension, counters, view.live(), settings)?;
                Some(Arc::new(opened))
            }
            _ => None,
        };
        tracing::debug!(directory = %layout.directory().display(), documents = counters.documents, "opened");
        Ok(Self {
            manifest,
            table,
            vectors,
            view: RwLock::new(Arc::new(view)),
            durability: Mutex::default(),
            catalogue: RwLock::default(),
            centroids: RwLock::default(),
            expiry,
        })
    }

    /// What is committed now.
    pub(super) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read())
    }

    /// Takes the tags of these names into memory. Nobody may write meanwhile.
    pub(super) fn fill_tags(&self, names: &[String]) -> Result<(), StorageError> {
        let view = self.view();
        if view.tags.is_none() {
            let tags = Some(Arc::new(TagColumns::read(names, &view.table)?));
            *self.view.write() = Arc::new(view.with_tags(tags));
        }
        Ok(())
    }

    /// Lets go of the tags that are in memory. Nobody may write meanwhile.
    pub(super) fn forget_tags(&self) {
        let view = self.view();
        if view.tags.is_some() {
            *self.view.write() = Arc::new(view.with_tags(None));
        }
    }

    /// Gathers what the tags are on the whole. Nobody may write meanwhile.
    pub(super) fn fill_catalogue(&self) -> Result<(), StorageError> {
        let mut catalogue = Catalogue::default();
        for stored in self.view().table.tags() {
            catalogue.widen(&stored?.tags);
        }
        *self.catalogue.write() = Some(catalogue);
        Ok(())
    }

    /// Learns what the vectors gather around, if there are many more than when that was done last. Nobody may write
    /// meanwhile.
    pub(super) fn keep_centroids(&self) -> Result<(), StorageError> {
        let (view, Some(vectors)) = (self.view(), &self.vectors) else { return Ok(()) };
        let is_due =
            self.centroids.read().as_ref().is_none_or(|known| known.are_outgrown(view.counters.rows));
        if is_due {
            let learned = Centroids::learn(vectors, &view)?;
            *self.centroids.write() = Some(learned);
        }
        Ok(())
    }

    /// Makes durable what an earlier run, with another policy, left to the operating system: from now on it is
    /// acknowledged anew whenever it is found to be stored already.
    pub(super) fn make_earlier_durable(&self) -> Result<(), StorageError> {
        let mut durability = self.durability.lock();
        if !durability.is_durable {
            // What the disk refused once the system takes for written: a second attempt would prove nothing.
            self.sync_files().inspect_err(|error| durability.broken = Some(error.to_string()))?;
            durability.is_durable = true;
        }
        Ok(())
    }

    /// Makes durable what was acknowledged before the disk had it.
    pub(super) fn sync(&self) -> Result<(), StorageError> {
        if !std::mem::take(&mut self.durability.lock().is_unsynced) {
            return Ok(());
        }
        self.sync_files().inspect_err(|error| self.break_off(error))
    }

    fn sync_files(&self) -> Result<(), StorageError> {
        // More may be written meanwhile.
        let rows = self.view().counters.rows;
        if let Some(vectors) = &self.vectors {
            vectors.file.sync()?;
            self.table.note_synced(rows)?;
        }
        self.table.sync()
    }

    /// Nothing more is written: a failure leaves open what is on disk, and a later write might contradict it.
    pub(super) fn break_off(&self, error: &StorageError) {
        self.durability.lock().broken = Some(error.to_string());
    }

    pub(super) fn check_unbroken(&self, layout: &Layout) -> Result<(), StorageError> {
        match &self.durability.lock().broken {
            None => Ok(()),
            Some(reason) => {
                Err(StorageError::Broken { path: layout.directory().to_owned(), reason: reason.clone() })
            }
        }
    }

    /// Makes a plan true on disk, and then for those who search. One at a time.
    pub(super) fn apply(&self, mut plan: Plan, fsync: Fsync) -> Result<(), StorageError> {
        let file = self.vectors.as_ref().map(|vectors| &vectors.file);
        let has_vectors = plan.vectors().next().is_some();
        if let Some(file) = file.filter(|_| has_vectors)
            && let Err(error) = file.write(plan.first_row(), plan.vectors())
        {
            // Of what was begun nothing must be taken for what comes there next.
            file.cut(plan.first_row()).inspect_err(|error| self.break_off(error))?;
            return Err(error);
        }
        let made_durable = match file.filter(|_| has_vectors && fsync == Fsync::Always) {
            Some(file) => file.sync(),
            None => Ok(()),
        };
        let before = self.view();
        let is_catalogued = self.catalogue.read().is_some();
        let wanted = is_catalogued || before.tags.is_some() || self.expiry.is_some();
        let tags = if wanted { plan.tags() } else { Vec::new() };
        if let Some(catalogue) = self.catalogue.write().as_mut() {
            tags.iter().for_each(|(_, tags)| catalogue.widen(tags));
        }
        let committed = made_durable.and_then(|()| plan.commit(&self.table, fsync));
        committed.inspect_err(|error| self.break_off(error))?;
        let mut dead = Arc::clone(&before.dead);
        let mut rows = plan.dead_rows().peekable();
        if rows.peek().is_some() {
            Arc::make_mut(&mut dead).extend(rows);
        }
        // What cannot be seen after all must not be built on.
        let mut after = View::new(&self.table, dead).inspect_err(|error| self.break_off(error))?;
        after.tags = before.tags.clone();
        if let Some(expiry) = &self.expiry {
            plan.ids().zip(&tags).for_each(|(id, (_, tags))| expiry.note(id, tags));
            plan.removed_ids().for_each(|id| expiry.forget(id));
        }
        if let Some(columns) = &mut after.tags {
            let columns = Arc::make_mut(columns);
            let rows = tags.into_iter().filter_map(|(row, tags)| Some((row?, tags)));
            rows.for_each(|(row, tags)| columns.set(row, &tags));
        }
        if let Some(vectors) = &self.vectors {
            vectors.commit(after.counters.rows, after.live());
        }
        *self.view.write() = Arc::new(after);
        // Whoever tells the disk goes by what is seen.
        self.durability.lock().is_unsynced |= fsync != Fsync::Always;
        Ok(())
    }

    /// Whether these are the vectors of this generation.
    pub(super) fn has(&self, vectors: &Arc<Vectors>) -> bool {
        self.vectors.as_ref().is_some_and(|own| Arc::ptr_eq(own, vectors))
    }

    /// Makes the file of vectors when the first ones come.
    pub(super) fn prepare_vectors(
        &mut self,
        dimension: usize,
        layout: &Layout,
        settings: &Settings,
    ) -> Result<(), StorageError> {
        if self.vectors.is_some() {
            return Ok(());
        }
        let manifest = self.manifest.with_dimension(dimension);
        let view = View::new(&self.table, Arc::new(RowSet::default()))?;
        let vectors = Vectors::open(layout, &manifest, dimension, view.counters, view.live(), settings)?;
        manifest.write(layout)?;
        self.manifest = manifest;
        self.vectors = Some(Arc::new(vectors));
        Ok(())
    }

    /// The dimension of these vectors, if they may be stored and there are some.
    pub(super) fn check_dimensions(
        &self,
        mut dimensions: impl Iterator<Item = usize>,
        settings: &Settings,
    ) -> Result<Option<usize>, StorageError> {
        let Some(first) = dimensions.next() else { return Ok(None) };
        let expected = self.manifest.dimension.unwrap_or(first);
        match std::iter::once(first).chain(dimensions).find(|dimension| *dimension != expected) {
            Some(wrong) => {
                let reason = format!("the vectors have {wrong} dimensions, the index {expected}");
                Err(StorageError::Mismatch { parameter: settings.schema.names.dimension, reason })
            }
            None => Ok(Some(expected)),
        }
    }
}
