//! Refreshing a read-only shard while another process writes to it.
//!
//! A checkpoint of the shard is opened, and another when the files have changed: all writes since then become visible
//! together, like a commit in the writer process. As long as the generation is the same, the index stays in memory, and the
//! new rows are added to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flowrun_sdk::Health;

use crate::shard::background_task::{BackgroundTask, NextRun};
use crate::shard::health_report::HealthReport;
use crate::shard::settings::Settings;
use crate::shard::shard_core::Shard;
use crate::shard::state::GenerationState;
use crate::shard::storage_version::StorageVersion;
use crate::shard::vectors::VectorIndex;
use crate::storage::{Manifest, StorageError};

/// Shortest interval between two checks for new writes.
const REFRESH_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// The interval is at least this many times the duration of the last refresh.
const REST_FACTOR: u32 = 10;
/// Consecutive checks that may find no index before that is reported as a failure.
const ABSENCES_MAX: usize = 5;

/// Result of a check for new writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shard) enum Refreshed {
    /// There are none.
    Unchanged,
    /// New writes became visible.
    Changed,
    /// No index is there, or one generation is replacing another.
    Absent,
}

/// Reports failures of consecutive refreshes to the health of the shard.
struct FailureReport {
    report: HealthReport,
    absences: usize,
}

impl FailureReport {
    /// Evaluates a refresh; returns whether new writes became visible.
    fn evaluate(&mut self, shard: &Shard, refreshed: Result<Refreshed, StorageError>) -> bool {
        match refreshed {
            Ok(Refreshed::Absent) if self.absences < ABSENCES_MAX => self.absences += 1,
            Ok(Refreshed::Absent) => {
                self.fail(&StorageError::NoIndex(shard.layout.directory().to_owned()));
            }
            Ok(refreshed) => {
                self.absences = 0;
                self.report.succeed();
                return refreshed == Refreshed::Changed;
            }
            Err(error) => self.fail(&error),
        }
        false
    }

    fn fail(&mut self, error: &StorageError) {
        self.report.fail(format!("refresh failed, new writes are not visible: {error}"));
    }
}

impl Shard {
    /// Starts the task that checks for writes of another process, if the shard is read-only. `changed` is called when new
    /// writes became visible.
    pub(in crate::shard) fn start_refreshing(
        shard: &Arc<Self>,
        health: Health,
        changed: impl Fn() + Send + 'static,
    ) -> Option<BackgroundTask> {
        if !shard.settings.read_only {
            return None;
        }
        let shard = Arc::clone(shard);
        let mut report = FailureReport { report: HealthReport::new(health.clone()), absences: 0 };
        Some(BackgroundTask::started(health, move || {
            let began = Instant::now();
            if report.evaluate(&shard, shard.refresh()) {
                changed();
            }
            NextRun::After(REFRESH_INTERVAL_MIN.max(began.elapsed() * REST_FACTOR))
        }))
    }

    /// Makes writes of another process visible, if there are new ones.
    pub(in crate::shard) fn refresh(&self) -> Result<Refreshed, StorageError> {
        let mut refreshed = self.refreshed.lock();
        let Some(version) = StorageVersion::read(&self.layout)? else { return Ok(Refreshed::Absent) };
        if refreshed.as_ref() == Some(&version) {
            return Ok(Refreshed::Unchanged);
        }
        // Excludes loading tags or statistics, which the next state would lack.
        let writer = self.writer();
        let open = |written: &Manifest| self.open_state(written, &self.settings);
        drop(writer.replace_with_committed(Manifest::run_on_current(&self.layout, open)?));
        *refreshed = version.if_reliable();
        Ok(Refreshed::Changed)
    }

    /// Opens the present contents, with the in-memory data of the current state.
    pub(super) fn open_state(
        &self,
        written: &Manifest,
        settings: &Settings,
    ) -> Result<GenerationState, StorageError> {
        written.check(&self.layout, &self.settings.schema)?;
        self.use_threads();
        let (generation, vectors, had_tag_columns) = {
            let state = self.state();
            (state.manifest.generation, state.vectors.clone(), state.view().tag_columns.is_some())
        };
        // Another index may have been moved here that counts its generations from 1 too.
        let path = self.layout.vectors(generation);
        let is_same =
            |vectors: &Arc<VectorIndex>| generation == written.generation && vectors.file.is_at(&path);
        let vectors = vectors.filter(is_same);
        let manifest = written.updated_from(&self.settings.schema);
        let next = GenerationState::open_with(&self.layout, manifest, settings, vectors)?;
        let next = self.with_tag_stats(next)?;
        if had_tag_columns {
            next.load_tag_columns(&self.settings.columns)?;
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use flowrun_sdk::filter::Filter;
    use flowrun_sdk::{Context, Document, protobuf};
    use serde_json::json;

    use super::*;
    use crate::ann::IndexChoice;
    use crate::metric::Query;
    use crate::shard::tests::settings;
    use crate::shard::{OpenShard, SearchParams, Settings};
    use crate::storage::{Change, Fsync, Layout, Put};

    fn open(directory: &std::path::Path, read_only: bool) -> Arc<OpenShard> {
        let mut settings = settings(IndexChoice::new("HNSW8"), Fsync::Never);
        settings.schema.index = "HNSW8".to_owned();
        settings.columns = vec!["number".to_owned()];
        settings.read_only = read_only;
        OpenShard::open(&Context { read_only, ..Context::standalone(directory) }, settings).unwrap()
    }

    /// Writes a document of its own, and the document `all` that every change writes.
    fn write(shard: &OpenShard, number: u32) {
        let mut change = Change::default();
        for id in [number.to_string(), "all".to_owned()] {
            let document = protobuf::encode(&Document::new(id.clone()).with_tag("number", number));
            let vector = Some(vec![number as f32, if id == "all" { 1.0 } else { 0.0 }]);
            change.put(Put { id, parent_id: String::new(), document, vector });
        }
        shard.apply(change).unwrap();
    }

    fn found(shard: &Shard, number: u32, filter: Option<&Filter>) -> Vec<String> {
        let params = SearchParams { k: 2, filter, ..SearchParams::default() };
        let answers = shard.search(&[Query::new(vec![number as f32, 0.0])], &params, &|| Ok(())).unwrap();
        answers.into_iter().flatten().map(|found| found.document.id.to_string()).collect()
    }

    /// Number of visible changes; asserts that each is visible as a whole, and none without its predecessors.
    fn visible_changes(shard: &Shard) -> u32 {
        let view = shard.state().view();
        let last =
            view.table.document("all").unwrap().map_or(0, |all| all.tags["number"].as_f64().unwrap() as u32);
        assert_eq!(view.counters.documents, u64::from(if last == 0 { 0 } else { last + 1 }));
        assert_eq!(view.live_rows(), view.counters.documents);
        assert!((1..=last).all(|number| view.table.contains_id(&number.to_string()).unwrap()));
        last
    }

    #[test]
    fn a_reader_follows_a_live_writer_and_keeps_its_index() {
        let directory = tempfile::tempdir().unwrap();
        let writer = open(directory.path(), false);
        (1..=100).for_each(|number| write(&writer, number));
        let reader = open(directory.path(), true);
        assert_eq!(visible_changes(&reader), 100);
        reader.writer().maintain_tag_stats().unwrap();
        let filter = Filter::parse(&json!("number >= 150"), &|_, _| Ok(())).unwrap();
        assert!(found(&reader, 150, Some(&filter)).is_empty());
        let vectors = reader.state().vectors.clone().unwrap();
        (101..=200).for_each(|number| write(&writer, number));
        reader.refresh().unwrap();
        assert_eq!((visible_changes(&reader), found(&reader, 150, None)[0].as_str()), (200, "150"));
        assert_eq!(found(&reader, 150, Some(&filter))[0], "150");
        assert!(reader.state().tag_stats.read().as_ref().unwrap().may_match(&filter));
        assert!(Arc::ptr_eq(&vectors, reader.state().vectors.as_ref().unwrap()));
        reader.wait_until_indexed(&|| Ok(())).unwrap();
        assert_eq!(found(&reader, 199, None)[0], "199");
        // Another generation, and an empty one.
        writer.compact();
        reader.refresh().unwrap();
        assert_eq!((visible_changes(&reader), reader.state().manifest.generation), (200, 2));
        assert_eq!(found(&reader, 7, None)[0], "7");
        writer.clear().unwrap();
        reader.refresh().unwrap();
        assert_eq!((visible_changes(&reader), found(&reader, 7, None).len()), (0, 0));
        write(&writer, 1);
        reader.refresh().unwrap();
        assert_eq!(visible_changes(&reader), 1);
        // The writer may be closed and reopened; the reader leaves no files.
        drop(writer);
        write(&open(directory.path(), false), 2);
        reader.refresh().unwrap();
        assert_eq!(visible_changes(&reader), 2);
        drop(reader);
        assert_eq!(std::fs::read_dir(directory.path().join("readers")).unwrap().count(), 0);
    }

    #[test]
    fn a_refresh_shows_all_acknowledged_writes_and_only_whole_changes() {
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let writer = open(directory.path(), false);
        let acknowledged = AtomicU32::new(0);
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                for number in 1..=2000 {
                    write(&writer, number);
                    acknowledged.store(number, Ordering::Release);
                    if number == 700 {
                        writer.compact();
                    }
                }
            });
            while acknowledged.load(Ordering::Acquire) == 0 {
                std::thread::yield_now();
            }
            let reader = open(directory.path(), true);
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
                reader.refresh().unwrap();
                last = visible_changes(&reader);
                assert!(last >= before, "{last} of {before}");
                assert_eq!(found(&reader, last / 2, None)[0], (last / 2).max(1).to_string());
            }
            thread.join().unwrap();
            // However often it was reopened, only a few files may be more: those that the writer compacted meanwhile.
            let after = descriptors();
            assert!(after < before + 32, "{before}, {after}");
        });
    }

    #[test]
    fn a_replaced_directory_with_the_same_generation_is_recognised() {
        let directory = tempfile::tempdir().unwrap();
        let (path, old) = (directory.path().join("shard"), directory.path().join("old"));
        write(&open(&path, false), 1);
        let reader = open(&path, true);
        assert_eq!(found(&reader, 1, None)[0], "1");
        // Generation 1 again, with other vectors in the same rows.
        std::fs::rename(&path, &old).unwrap();
        let writer = open(&path, false);
        (2..=3).for_each(|number| write(&writer, number));
        reader.refresh().unwrap();
        assert_eq!(found(&reader, 3, None), found(&writer, 3, None));
        assert_eq!(found(&reader, 2, None), ["2", "3"]);
    }

    #[test]
    fn a_read_is_repeated_when_another_generation_became_current() {
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
        assert!(never.unwrap_err().to_string().contains("the writer changes it too often"));
    }

    #[test]
    fn a_read_only_shard_requires_an_index() {
        let directory = tempfile::tempdir().unwrap();
        let settings = Settings { read_only: true, ..settings(IndexChoice::AUTO, Fsync::Never) };
        let refused =
            OpenShard::open(&Context::standalone(directory.path()), settings).unwrap_err().to_string();
        assert!(refused.starts_with("there is no index in"), "{refused}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
