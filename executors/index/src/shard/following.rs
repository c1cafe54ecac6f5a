//! A shard that is only read, beside a process that may write to it.
//!
//! It is opened as it is at one moment, and again when something was written: then what is seen changes as a whole, as it
//! does when a write is committed here. The index stays and is given the new rows, as long as it is the same generation.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowrun_sdk::{Health, tracing};

use super::recurring::Recurring;
use super::state::State;
use super::vectors::Vectors;
use super::{Settings, Shard};
use crate::storage::{Layout, Manifest, Progress, StorageError};

/// How often it is looked whether something was written.
const LOOKING: Duration = Duration::from_secs(1);
/// Of the time no more than one part in so many is spent on opening it again.
const REST: u32 = 10;
/// How often there may be nothing before somebody is told.
const ABSENCES_MAX: usize = 5;

/// How far who writes is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    manifest: Manifest,
    progress: Progress,
}

impl Seen {
    /// How far it is now; `None` while one generation takes the place of another.
    fn now(layout: &Layout) -> Result<Option<Self>, StorageError> {
        let Some(manifest) = Manifest::read(layout)? else { return Ok(None) };
        let documents = layout.documents(manifest.generation);
        match Progress::of(&documents) {
            Ok(progress) => Ok(Some(Self { manifest, progress })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StorageError::io("read", &documents)(error)),
        }
    }

    /// The same, if it is certain that it will be another when something is written.
    fn settled(self) -> Option<Self> {
        self.progress.is_settled().then_some(self)
    }
}

impl Shard {
    /// Opens a shard that is only read.
    ///
    /// # Errors
    /// When there is none, or it is not what is wanted, or damaged.
    pub(super) fn open_read_only(layout: Layout, settings: Settings) -> Result<Self, StorageError> {
        if !layout.manifest().exists() && layout.has_generations()? {
            return Err(StorageError::damaged(&layout.manifest(), "it is missing"));
        }
        let (state, seen) = Manifest::run_on_current(&layout, |written| {
            written.check(&layout, &settings.schema)?;
            let manifest = written.renewed(&settings.schema);
            settings.check_index(manifest.dimension)?;
            // What is written from here on is looked for.
            let seen = Seen::now(&layout)?;
            Ok((State::open(&layout, manifest, &settings)?, seen))
        })?;
        let shard = Self::new(layout, settings, state, None);
        *shard.seen.lock() = seen.and_then(Seen::settled);
        Ok(shard)
    }

    /// Starts to look for what others write, if only they may; `wake` is called when there are new rows.
    pub(super) fn start_following(
        shard: &Arc<Self>,
        health: Health,
        wake: impl Fn() + Send + 'static,
    ) -> Option<Recurring> {
        if !shard.settings.read_only {
            return None;
        }
        let shard = Arc::clone(shard);
        let (mut told, mut absences) = (None, 0);
        Some(Recurring::start(health.clone(), move || {
            let began = Instant::now();
            let followed = match shard.follow() {
                Ok(None) if absences >= ABSENCES_MAX => {
                    Err(StorageError::NoIndex(shard.layout.directory().to_owned()))
                }
                followed => followed,
            };
            match followed {
                Ok(None) => absences += 1,
                Ok(Some(has_changed)) => {
                    absences = 0;
                    if has_changed {
                        wake();
                    }
                    // What others tell stays.
                    if told.is_some() && told.take() == health.unhealthy_reason() {
                        health.set_healthy();
                    }
                }
                Err(error) => {
                    let reason = format!("what is written is not seen: {error}");
                    if told.is_none() {
                        tracing::warn!("{reason}");
                    }
                    told = Some(reason.clone());
                    health.set_unhealthy(reason);
                }
            }
            Some(LOOKING.max(began.elapsed() * REST))
        }))
    }

    /// Lets what was written be seen; says whether something was since the last time, `None` when nothing is there.
    pub(super) fn follow(&self) -> Result<Option<bool>, StorageError> {
        let mut seen = self.seen.lock();
        let Some(now) = Seen::now(&self.layout)? else { return Ok(None) };
        if seen.as_ref() == Some(&now) {
            return Ok(Some(false));
        }
        // What somebody takes into memory meanwhile would be missing.
        let _writing = self.writing.lock();
        let next = Manifest::run_on_current(&self.layout, |written| self.succeeding(written))?;
        if let Some(vectors) = &next.vectors {
            let view = next.view();
            vectors.commit(view.counters.rows, view.live());
        }
        drop(self.replace(next));
        *seen = now.settled();
        Ok(Some(true))
    }

    /// What is there now, with what is known of it in memory.
    fn succeeding(&self, written: &Manifest) -> Result<State, StorageError> {
        written.check(&self.layout, &self.settings.schema)?;
        let (generation, vectors, had_tags) = {
            let state = self.read();
            (state.manifest.generation, state.vectors.clone(), state.view().tags.is_some())
        };
        // Somebody may have put another index there that counts generations from the first.
        let path = self.layout.vectors(generation);
        let is_same = |vectors: &Arc<Vectors>| generation == written.generation && vectors.file.is_at(&path);
        let vectors = vectors.filter(is_same);
        let manifest = written.renewed(&self.settings.schema);
        let next = self.catalogued(State::open_with(&self.layout, manifest, &self.settings, vectors)?)?;
        if had_tags {
            next.fill_tags(&self.settings.columns)?;
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use flowrun_sdk::filter::Filter;
    use flowrun_sdk::{Context, Document, wire};
    use serde_json::json;

    use super::super::OpenShard;
    use super::super::search::SearchParams;
    use super::super::tests::settings;
    use super::*;
    use crate::derived::IndexChoice;
    use crate::metric::Query;
    use crate::storage::{Change, Fsync, Put};

    fn open(directory: &std::path::Path, read_only: bool) -> Arc<OpenShard> {
        let mut settings = settings(IndexChoice::new("HNSW8"), Fsync::Never);
        settings.schema.index = "HNSW8".to_owned();
        settings.columns = vec!["number".to_owned()];
        settings.read_only = read_only;
        Shard::open(&Context { read_only, ..Context::standalone(directory) }, settings).unwrap()
    }

    /// Writes a document of its own, and the one that every change writes.
    fn write(shard: &OpenShard, number: u32) {
        let mut change = Change::default();
        for id in [number.to_string(), "all".to_owned()] {
            let document = wire::encode(&Document::new(id.clone()).with_tag("number", number));
            let vector = Some(vec![number as f32, if id == "all" { 1.0 } else { 0.0 }]);
            change.put(Put { id, parent_id: String::new(), document, vector });
        }
        shard.apply(change).unwrap();
    }

    fn found(shard: &Shard, number: u32, filter: Option<&Filter>) -> Vec<String> {
        let asked = SearchParams { k: 2, filter, ..SearchParams::default() };
        let answers = shard.search(&[Query::new(vec![number as f32, 0.0])], &asked, &|| Ok(())).unwrap();
        answers.into_iter().flatten().map(|found| found.document.id.to_string()).collect()
    }

    /// How many changes are seen, when each is seen whole and none without those before.
    fn seen(shard: &Shard) -> u32 {
        let view = shard.read().view();
        let last =
            view.table.document("all").unwrap().map_or(0, |all| all.tags["number"].as_f64().unwrap() as u32);
        assert_eq!(view.counters.documents, u64::from(if last == 0 { 0 } else { last + 1 }));
        assert_eq!(view.live(), view.counters.documents);
        assert!((1..=last).all(|number| view.table.holds_id(&number.to_string()).unwrap()));
        last
    }

    #[test]
    fn who_only_reads_sees_what_is_written_and_keeps_its_index() {
        let directory = tempfile::tempdir().unwrap();
        let writing = open(directory.path(), false);
        (1..=100).for_each(|number| write(&writing, number));
        let reading = open(directory.path(), true);
        assert_eq!(seen(&reading), 100);
        reading.fill_catalogue().unwrap();
        let filter = Filter::parse(&json!("number >= 150"), &|_, _| Ok(())).unwrap();
        assert!(found(&reading, 150, Some(&filter)).is_empty());
        let vectors = reading.read().vectors.clone().unwrap();
        (101..=200).for_each(|number| write(&writing, number));
        reading.follow().unwrap();
        assert_eq!((seen(&reading), found(&reading, 150, None)[0].as_str()), (200, "150"));
        assert_eq!(found(&reading, 150, Some(&filter))[0], "150");
        assert!(reading.read().catalogue.read().as_ref().unwrap().may_match(&filter));
        assert!(Arc::ptr_eq(&vectors, reading.read().vectors.as_ref().unwrap()));
        reading.wait_until_indexed(&|| Ok(())).unwrap();
        assert_eq!(found(&reading, 199, None)[0], "199");
        // Another generation, and an empty one.
        writing.compact();
        reading.follow().unwrap();
        assert_eq!((seen(&reading), reading.read().manifest.generation), (200, 2));
        assert_eq!(found(&reading, 7, None)[0], "7");
        writing.clear().unwrap();
        reading.follow().unwrap();
        assert_eq!((seen(&reading), found(&reading, 7, None).len()), (0, 0));
        write(&writing, 1);
        reading.follow().unwrap();
        assert_eq!(seen(&reading), 1);
        // Who writes may go and come, and who reads leaves nothing behind.
        drop(writing);
        write(&open(directory.path(), false), 2);
        reading.follow().unwrap();
        assert_eq!(seen(&reading), 2);
        drop(reading);
        assert_eq!(std::fs::read_dir(directory.path().join("readers")).unwrap().count(), 0);
    }

    #[test]
    fn what_is_seen_beside_a_writer_is_what_was_acknowledged_and_whole_changes() {
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let writing = open(directory.path(), false);
        let acknowledged = AtomicU32::new(0);
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                for number in 1..=2000 {
                    write(&writing, number);
                    acknowledged.store(number, Ordering::Release);
                    if number == 700 {
                        writing.compact();
                    }
                }
            });
            while acknowledged.load(Ordering::Acquire) == 0 {
                std::thread::yield_now();
            }
            let reading = open(directory.path(), true);
            let is_ours = |path: std::path::PathBuf| {
                std::fs::read_link(path).is_ok_and(|file| file.starts_with(directory.path()))
            };
            let descriptors = || {
                let entries = std::fs::read_dir("/proc/self/fd").unwrap();
                entries.filter(|entry| entry.as_ref().is_ok_and(|entry| is_ours(entry.path()))).count()
            };
            let before = descriptors();
            let mut last = 0;
            while last < 2000 {
                let before = acknowledged.load(Ordering::Acquire);
                reading.follow().unwrap();
                last = seen(&reading);
                assert!(last >= before, "{last} of {before}");
                assert_eq!(found(&reading, last / 2, None)[0], (last / 2).max(1).to_string());
            }
            thread.join().unwrap();
            // However often it was opened: a few files that the writer sorted meanwhile are all that may be more.
            let after = descriptors();
            assert!(after < before + 32, "{before}, {after}");
        });
    }

    #[test]
    fn an_index_that_took_the_place_of_another_is_taken_for_what_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let (path, old) = (directory.path().join("shard"), directory.path().join("old"));
        write(&open(&path, false), 1);
        let reading = open(&path, true);
        assert_eq!(found(&reading, 1, None)[0], "1");
        // Generation 1 again, with other vectors in the same rows.
        std::fs::rename(&path, &old).unwrap();
        let writing = open(&path, false);
        (2..=3).for_each(|number| write(&writing, number));
        reading.follow().unwrap();
        assert_eq!(found(&reading, 3, None), found(&writing, 3, None));
        assert_eq!(found(&reading, 2, None), ["2", "3"]);
    }

    #[test]
    fn what_is_no_longer_current_when_it_was_read_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        drop(open(directory.path(), false));
        let layout = Layout::new(directory.path());
        let read = Manifest::run_on_current(&layout, |manifest| {
            if manifest.generation == 1 {
                manifest.with_generation(2).write(&layout)?;
            }
            Ok(manifest.generation)
        });
        assert_eq!(read.unwrap(), 2);
        let never = Manifest::run_on_current(&layout, |manifest| {
            manifest.with_generation(manifest.generation + 1).write(&layout)
        });
        assert!(never.unwrap_err().to_string().contains("who writes leaves no time for it"));
    }

    #[test]
    fn where_nothing_was_written_yet_there_is_nothing_to_read() {
        let directory = tempfile::tempdir().unwrap();
        let settings = Settings { read_only: true, ..settings(IndexChoice::AUTO, Fsync::Never) };
        let refused = Shard::open(&Context::standalone(directory.path()), settings).unwrap_err().to_string();
        assert!(refused.starts_with("there is no index in"), "{refused}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
