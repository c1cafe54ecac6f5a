//! An open shard: what the replicas of an executor share.
//!
//! Reading goes on side by side, writing alone. A write is acknowledged when it is on disk: vectors first, then, in one
//! atomic commit, everything that refers to them. Only then does memory change. Executors are in `vector_indexer`
//! and `document_store`; how things are stored is in `storage`.

mod answer;
mod backup;
mod filtered;
mod generation;
mod nearest;
mod observed;
mod rows;
mod search;
mod settings;
mod state;
mod training;
mod vectors;

use std::sync::Arc;

use flowrun_sdk::{BuildError, Context, Value, tracing};
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use serde_json::json;

pub(crate) use answer::{AnswerBytes, Match};
pub(crate) use backup::BackupName;
pub(crate) use filtered::Page;
use nearest::Nearest;
use rows::RowSet;
pub(crate) use settings::Settings;
use state::State;
use training::Training;
use vectors::Vectors;

use crate::derived::set_threads;
use crate::storage::{
    Change, DirectoryLock, Fsync, Kind, Layout, Manifest, Outcome, Plan, StorageError, Table, sync_directory,
};

/// An open shard.
#[derive(Debug)]
pub(crate) struct Shard {
    settings: Settings,
    layout: Layout,
    state: RwLock<State>,
    /// Held by who writes or reads backups; taken before the state.
    backups: Mutex<()>,
    /// Given back last.
    _lock: DirectoryLock,
}

impl Shard {
    /// Opens the shard of a context, or joins the replica that has it open.
    ///
    /// # Errors
    /// When what is there is not what is wanted, is damaged, or belongs to another process.
    pub(crate) fn open(context: &Context, settings: Settings) -> Result<Arc<Self>, BuildError> {
        let layout = Layout::new(&context.workspace);
        let wanted = settings.wanted.clone();
        let shard =
            context.shared.get_or_open(&context.workspace, || Self::open_directory(layout, settings))?;
        let state = shard.read();
        state.manifest.check(&shard.layout, &wanted)?;
        drop(state);
        observed::observe(&shard, &context.metrics);
        Ok(shard)
    }

    fn open_directory(layout: Layout, settings: Settings) -> Result<Self, StorageError> {
        Manifest::check_siblings(&layout, &settings.wanted)?;
        // What cannot be must leave nothing behind.
        settings.check_index(settings.wanted.dimension)?;
        if settings.read_only && !layout.manifest().exists() && !layout.has_generations()? {
            return Err(StorageError::Absent(layout.directory().to_owned()));
        }
        let directory = layout.directory();
        if !directory.exists() {
            std::fs::create_dir_all(directory).map_err(StorageError::io("make", directory))?;
            sync_directory(directory)?;
        }
        let lock = DirectoryLock::take(&layout)?;
        let written = Manifest::read(&layout)?;
        if let Some(written) = &written {
            written.check(&layout, &settings.wanted)?;
        }
        let manifest = match &written {
            Some(written) => written.renewed(&settings.wanted),
            // The manifest is written first: without it nothing of ours is here, unless somebody took it away.
            None if layout.has_generations()? => {
                return Err(StorageError::damaged(&layout.manifest(), "it is missing"));
            }
            None => Manifest::new(&settings.wanted, 1),
        };
        settings.check_index(manifest.dimension)?;
        if !settings.read_only {
            if written.as_ref() != Some(&manifest) {
                manifest.write(&layout)?;
            }
            layout.remove_other_generations(manifest.generation)?;
        }
        let state = State::open(&layout, manifest, &settings)?;
        if !settings.read_only && written.is_none_or(|written| !written.has_documents) {
            state.manifest.write(&layout)?;
        }
        Ok(Self { settings, layout, state: RwLock::new(state), backups: Mutex::new(()), _lock: lock })
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        set_threads(self.settings.threads);
        self.state.read()
    }

    /// The dimension of the vectors, when it is known.
    pub(crate) fn dimension(&self) -> Option<usize> {
        self.read().manifest.dimension
    }

    /// Looks something up in the documents.
    pub(crate) fn look_up<T>(
        &self,
        action: impl FnOnce(&Table) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        action(&self.read().table)
    }

    /// The vector of a stored document, as it was stored.
    pub(crate) fn vector_of(&self, id: &str) -> Result<Option<Vec<f32>>, StorageError> {
        let state = self.read();
        let Some((vectors, row)) = state.vectors.as_ref().zip(state.table.row_of(id)?) else {
            return Ok(None);
        };
        let mut found = None;
        vectors.file.read_each([row], |_, vector| {
            found = Some(vector.to_vec());
            Ok::<_, StorageError>(())
        })?;
        Ok(found)
    }

    /// Makes a change durable, and then visible.
    ///
    /// # Errors
    /// When it could not be made durable; then nothing of it is visible.
    pub(crate) fn apply(&self, change: Change) -> Result<Outcome, StorageError> {
        set_threads(self.settings.threads);
        let mut state = self.state.write();
        state.check_unbroken(&self.layout)?;
        if self.settings.fsync == Fsync::Always {
            state.make_earlier_durable()?;
        }
        let vectors = state.vectors.as_ref().map(|vectors| &vectors.file);
        let plan = Plan::new(&state.table, vectors, change)?;
        let outcome = plan.outcome;
        if !plan.is_empty() {
            state.apply(plan, &self.layout, &self.settings)?;
        }
        let generation = state.manifest.generation;
        let training = state.vectors.as_mut().and_then(Vectors::begin_training);
        drop(state);
        if let Some(training) = training {
            self.train(generation, training);
        }
        Ok(outcome)
    }

    /// Trains the index of that generation; others go on with the one that is not trained. Failing to is no failure.
    fn train(&self, generation: u32, training: Training) {
        let trained = training.run();
        let mut state = self.state.write();
        if state.manifest.generation != generation {
            // Everything was removed meanwhile.
            return;
        }
        let Some(vectors) = &mut state.vectors else { return };
        match trained.and_then(|trained| trained.map_or(Ok(()), |trained| vectors.adopt(trained))) {
            // The next opening should not have to do it again.
            Ok(()) => vectors.save(&self.layout.derived(generation)),
            Err(error) => tracing::warn!(%error, "training failed; every vector is compared"),
        }
    }

    /// Removes everything.
    pub(crate) fn clear(&self) -> Result<(), StorageError> {
        let mut state = self.state.write();
        state.check_unbroken(&self.layout)?;
        let manifest = Manifest::new(&self.settings.wanted, state.manifest.generation + 1);
        // The new generation is whole before the manifest names it; from there on the old one is gone.
        let cleared = State::open(&self.layout, manifest, &self.settings)?;
        let switched = cleared.manifest.write(&self.layout);
        // If it is not known which generation is current, what is written to this one may be lost.
        switched.inspect_err(|error| state.broken = Some(error.to_string()))?;
        let generation = cleared.manifest.generation;
        *state = cleared;
        self.layout.remove_other_generations(generation)
    }

    /// Writes out what would have to be computed again at the next opening. It is derived, so a flow that is read-only
    /// may write it too, but not in the place of one that it cannot use.
    pub(crate) fn save(&self) {
        let mut state = self.state.write();
        let path = self.layout.derived(state.manifest.generation);
        if let Some(vectors) = &mut state.vectors {
            vectors.save(&path);
        }
    }

    /// What there is to say about the shard, by name.
    pub(crate) fn status(&self) -> Result<Vec<(&'static str, Value)>, StorageError> {
        let state = self.read();
        let counters = state.table.counters()?;
        let mut status = vec![("documents", json!(counters.documents))];
        if self.settings.wanted.kind == Kind::Documents {
            return Ok(status);
        }
        let vectors = state.vectors.as_ref();
        status.push(("vectors", json!(vectors.map_or(0, Vectors::live))));
        status.push(("deleted", json!(vectors.map_or(0, |vectors| vectors.dead.len()))));
        status.push(("dimension", json!(state.manifest.dimension)));
        status.push(("metric", json!(self.settings.wanted.metric.name())));
        let index = vectors.map_or(self.settings.index.text(), |vectors| vectors.derived.kind().text());
        status.push(("index", json!(index)));
        status.push(("trained", json!(vectors.is_some_and(|vectors| vectors.derived.is_trained()))));
        Ok(status)
    }
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::{Document, ErrorKind, ExecutorError};

    use super::*;
    use crate::derived::{IndexChoice, Tuning};
    use crate::metric::Metric;
    use crate::names::Names;
    use crate::storage::{Put, Wanted};

    pub(super) fn shard(directory: &std::path::Path) -> Arc<Shard> {
        shard_with(directory, Fsync::Always)
    }

    fn shard_with(directory: &std::path::Path, fsync: Fsync) -> Arc<Shard> {
        Shard::open(&Context::alone(directory), settings(IndexChoice::AUTO, fsync)).unwrap()
    }

    pub(super) fn settings(index: IndexChoice, fsync: Fsync) -> Settings {
        let wanted = Wanted {
            kind: Kind::Vectors,
            dimension: None,
            metric: Metric::Euclidean,
            index: "auto".to_owned(),
            shards: 1,
            shard: 0,
            names: Names::OWN,
        };
        Settings { wanted, index, tuning: Tuning::default(), fsync, threads: 1, read_only: false }
    }

    pub(super) fn change(id: &str) -> Change {
        let mut change = Change::default();
        let document = flowrun_sdk::wire::encode(&Document::new(id));
        change.put(Put {
            id: id.to_owned(),
            parent_id: String::new(),
            document,
            vector: Some(vec![1.0, 2.0]),
        });
        change
    }

    #[test]
    fn a_write_that_the_disk_refuses_is_not_acknowledged_and_leaves_everything_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let shard = shard(directory.path());
        shard.apply(change("a")).unwrap();
        let before = shard.status().unwrap();
        let writable = {
            let mut state = shard.state.write();
            state.vectors.as_mut().map(|vectors| vectors.file.make_read_only().unwrap()).unwrap()
        };
        let error = shard.apply(change("b")).unwrap_err().to_string();
        assert!(error.starts_with("cannot write") && error.contains("vectors-000001.bin"), "{error}");
        assert_eq!(shard.status().unwrap(), before);
        assert!(shard.look_up(|table| table.document("b")).unwrap().is_none());
        shard.state.write().vectors.as_mut().unwrap().file = writable;
        shard.apply(change("b")).unwrap();
        assert_eq!(
            shard.search(&[crate::metric::Query::new(vec![1.0, 2.0])], 9, None, &|| Ok(())).unwrap()[0].len(),
            2
        );
    }

    #[test]
    fn what_an_earlier_run_left_to_the_system_is_synced_before_it_is_acknowledged_anew() {
        let directory = tempfile::tempdir().unwrap();
        shard_with(directory.path(), Fsync::Never).apply(change("a")).unwrap();
        let written = Outcome { written: 1, removed: 0, unknown: 0 };
        for (fsync, is_synced) in [(Fsync::Never, false), (Fsync::Always, true)] {
            let shard = shard_with(directory.path(), fsync);
            let unsyncable =
                |state: &mut State| state.vectors.as_mut().unwrap().file.make_unsyncable().unwrap();
            let syncable = unsyncable(&mut shard.state.write());
            let applied = shard.apply(Change::default());
            assert_eq!(applied.is_err(), is_synced, "{applied:?}");
            shard.state.write().vectors.as_mut().unwrap().file = syncable;
            assert_eq!(shard.apply(change("a")).unwrap(), written);
            // Once for each opening: from here on every write is synced by itself.
            unsyncable(&mut shard.state.write());
            shard.apply(Change::default()).unwrap();
        }
    }

    #[test]
    fn auto_goes_by_the_vectors_that_are_found() {
        let directory = tempfile::tempdir().unwrap();
        let index = || {
            let choice = IndexChoice::Auto { links: 8, flat_bytes_max: 2 * 2 * size_of::<f32>() as u64 };
            let shard =
                Shard::open(&Context::alone(directory.path()), settings(choice, Fsync::Never)).unwrap();
            for id in ["a", "b", "c"] {
                shard.apply(change(id)).unwrap();
            }
            let mut removal = Change::default();
            removal.remove("a".to_owned());
            let index = shard.status().unwrap()[5].clone();
            shard.apply(removal).unwrap();
            index
        };
        assert_eq!(index(), ("index", json!("Flat")));
        // Two vectors are found, whatever else is in the file.
        assert_eq!(index(), ("index", json!("Flat")));
        let shard = shard(directory.path());
        shard.apply(change("a")).unwrap();
        drop(shard);
        assert_eq!(index(), ("index", json!("HNSW8")));
    }

    #[test]
    fn replicas_that_bring_first_vectors_of_two_lengths_do_not_mix_them() {
        let directory = tempfile::tempdir().unwrap();
        let shard = shard(directory.path());
        shard.apply(change("a")).unwrap();
        let mut longer = Change::default();
        longer.put(Put {
            id: "b".to_owned(),
            parent_id: String::new(),
            document: vec![],
            vector: Some(vec![1.0; 3]),
        });
        let error = shard.apply(longer).unwrap_err().to_string();
        assert_eq!(error, "the vectors have 3 dimensions, the index 2");
        let query = crate::metric::Query::new(vec![1.0; 3]);
        assert!(shard.search(&[query], 1, None, &|| Ok(())).is_err());
        shard.apply(change("c")).unwrap();
        assert_eq!(shard.status().unwrap()[1], ("vectors", json!(2)));
    }

    #[test]
    fn a_file_of_vectors_that_nothing_was_acknowledged_of_is_made_anew() {
        let directory = tempfile::tempdir().unwrap();
        drop(shard(directory.path()));
        let path = directory.path().join("vectors-000001.bin");
        for remains in [&b""[..], b"half a header", &[7; 200]] {
            std::fs::write(&path, remains).unwrap();
            let shard = shard(directory.path());
            shard.apply(change("a")).unwrap();
            shard.clear().unwrap();
            drop(shard);
            std::fs::remove_dir_all(directory.path()).unwrap();
            drop(self::shard(directory.path()));
        }
    }

    #[test]
    fn a_search_that_nobody_waits_for_is_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let shard = shard(directory.path());
        shard.apply(change("a")).unwrap();
        let query = crate::metric::Query::new(vec![1.0, 2.0]);
        let given_up = || Err(ExecutorError::new(ErrorKind::Cancelled, "given up"));
        let error = shard.search(&[query], 1, None, &given_up).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    }

    #[test]
    fn after_a_write_of_unknown_outcome_nothing_more_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let shard = shard(directory.path());
        shard.apply(change("a")).unwrap();
        shard.state.write().broken = Some("no space left".to_owned());
        for refused in [shard.apply(change("b")).map(|_| ()), shard.clear()] {
            let error = refused.unwrap_err().to_string();
            assert!(error.contains("failed (no space left): restart the flow"), "{error}");
        }
        assert!(shard.look_up(|table| table.document("a")).unwrap().is_some());
    }
}
