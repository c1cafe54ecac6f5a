//! Leaving dead rows behind while the shard is searched and written.
//!
//! What lives is copied into a generation of its own, and an index is built for it, as it was at one moment. Who writes
//! meanwhile notes which documents that concerned; these are brought up to date in the copy, the last of them while
//! writers wait. Then the copy becomes current, as an empty generation does when everything is removed. Until then
//! nothing refers to it: if the process ends, the next opening removes it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flowrun_sdk::tracing;
use parking_lot::Mutex;

use super::Shard;
use super::state::State;
use super::vectors::Vectors;
use super::view::View;
use crate::storage::{Change, Fsync, Kind, Plan, Put, StorageError, is_worth_reclaiming, write_living};

/// So many documents are brought up to date in one change.
const RENEWED_AT_ONCE: usize = 1000;

/// What the shard knows of a compaction.
#[derive(Debug, Default)]
pub(super) struct Compacting {
    /// While one is under way: the documents that were written or removed since its moment.
    touched: Mutex<Option<BTreeSet<String>>>,
    /// The vectors of the generation that is being made, for whom nothing needs to be finished when the shard is closed.
    next: Mutex<Option<Arc<Vectors>>>,
    /// Somebody is in a hurry: the shard is closed, or something else takes the place of what it holds.
    is_given_up: AtomicBool,
    /// It failed; another attempt would too, until the shard is opened again.
    has_failed: AtomicBool,
}

impl Compacting {
    /// What a plan touches, if a compaction is under way; nobody begins one while somebody writes.
    pub(super) fn touched_by(&self, plan: &Plan) -> Vec<String> {
        let touched = self.touched.lock().as_ref().map(|_| plan.touched_ids().map(str::to_owned).collect());
        touched.unwrap_or_default()
    }

    /// Takes note of it, once it can be seen: who takes the note looks at these documents, and never again.
    pub(super) fn note(&self, ids: Vec<String>) {
        if let Some(touched) = self.touched.lock().as_mut() {
            touched.extend(ids);
        }
    }

    /// Whoever makes a generation stops soon.
    pub(super) fn give_up(&self) {
        self.is_given_up.store(true, Ordering::Release);
        if let Some(next) = &*self.next.lock() {
            next.is_over.store(true, Ordering::Release);
        }
    }

    /// What was touched since the last time, if a compaction is under way.
    fn take_touched(&self) -> BTreeSet<String> {
        self.touched.lock().as_mut().map(std::mem::take).unwrap_or_default()
    }
}

impl Shard {
    /// Whether most rows are dead, and leaving them behind can be tried.
    pub(super) fn is_worth_compacting(&self) -> bool {
        if self.settings.read_only
            || self.settings.wanted.kind != Kind::Vectors
            || self.compacting.has_failed.load(Ordering::Acquire)
        {
            return false;
        }
        let state = self.state.read();
        let (view, dimension) = (state.view(), state.manifest.dimension);
        dimension.is_some_and(|dimension| is_worth_reclaiming(view.counters.rows, view.dead.len(), dimension))
    }

    /// Leaves the dead rows behind. Where that does not succeed, for want of room or because something cannot be read,
    /// everything stays as it is.
    pub(super) fn compact(&self) {
        // Backups and what takes the place of everything wait, or a generation would be made twice.
        let _alone = self.backups.lock();
        self.compacting.is_given_up.store(false, Ordering::Release);
        if self.is_closing() {
            return;
        }
        let compacted = self.begin_compaction().and_then(|next| self.finish_compaction(next));
        *self.compacting.touched.lock() = None;
        *self.compacting.next.lock() = None;
        let failure = match compacted {
            Ok(true) => {
                return tracing::info!(directory = %self.layout.directory().display(), "dead rows were left behind");
            }
            Ok(false) => None,
            Err(error) => Some(error),
        };
        let generation = self.state.read().manifest.generation;
        let cleaned = self.layout.remove_other_generations(generation);
        if let Some(error) = failure.or(cleaned.err()) {
            tracing::warn!(%error, "dead rows could not be left behind");
            self.compacting.has_failed.store(true, Ordering::Release);
        }
    }

    /// A generation of what lives at this moment, with its index. From this moment on what is touched is noted.
    fn begin_compaction(&self) -> Result<State, StorageError> {
        let (view, vectors, manifest) = {
            let _writing = self.writing.lock();
            let state = self.state.read();
            state.check_unbroken(&self.layout)?;
            *self.compacting.touched.lock() = Some(BTreeSet::new());
            (state.view(), state.vectors.clone(), state.manifest.clone())
        };
        let generation = manifest.generation + 1;
        self.layout.remove_other_generations(manifest.generation)?;
        if let Some(vectors) = vectors {
            drop(write_living(&self.layout, &view.table, &vectors.file, generation)?);
        }
        drop(view);
        let next = self.catalogued(State::open(
            &self.layout,
            manifest.with_generation(generation),
            &self.settings,
        )?)?;
        if let Some(vectors) = &next.vectors {
            *self.compacting.next.lock() = Some(Arc::clone(vectors));
            if !self.compacting.is_given_up.load(Ordering::Acquire) {
                vectors.bring()?;
                vectors.work(true)?;
            }
        }
        Ok(next)
    }

    /// Brings a generation up to date and makes it the current one; says whether it did, or somebody else is in a hurry.
    fn finish_compaction(&self, next: State) -> Result<bool, StorageError> {
        loop {
            if self.compacting.is_given_up.load(Ordering::Acquire) {
                return Ok(false);
            }
            let touched = self.compacting.take_touched();
            let is_short = touched.len() < RENEWED_AT_ONCE;
            // Nobody waits for a long list; the last, short one is brought up to date while nobody adds to it.
            let writing = is_short.then(|| self.writing.lock());
            let touched = if is_short { &touched | &self.compacting.take_touched() } else { touched };
            let view = self.state.read().view();
            let ids: Vec<String> = touched.into_iter().collect();
            for ids in ids.chunks(RENEWED_AT_ONCE) {
                self.renew(&next, &view, ids)?;
            }
            if writing.is_some() {
                drop(view);
                return self.adopt(next).map(|()| true);
            }
        }
    }

    /// Makes a generation that is up to date the current one. Nobody writes meanwhile.
    fn adopt(&self, next: State) -> Result<(), StorageError> {
        // What is not known to be on disk must not come to be acknowledged by a generation that knows of no failure.
        self.unbroken_generation()?;
        // Somebody may have begun to ask for what tags are on the whole since the generation was begun.
        let is_catalogued = next.catalogue.read().is_some();
        let next = if is_catalogued { next } else { self.catalogued(next)? };
        next.make_earlier_durable()?;
        self.switch(next)
    }

    /// Makes of these documents in `next` what they are in `view`.
    fn renew(&self, next: &State, view: &View, ids: &[String]) -> Result<(), StorageError> {
        let mut change = Change::default();
        let current = self.state.read().vectors.clone();
        for id in ids {
            let Some((entry, document)) = view.table.whole(id)? else {
                change.remove(id.clone());
                continue;
            };
            let mut vector = None;
            if let Some((vectors, row)) = current.as_ref().zip(entry.row) {
                vectors.file.read_scattered([row], |_, read| {
                    vector = Some(read.to_vec());
                    Ok::<_, StorageError>(())
                })?;
            }
            change.put(Put { id: id.clone(), parent_id: entry.parent_id, document, vector });
        }
        let plan = Plan::new(&next.table, next.vectors.as_ref().map(|vectors| &vectors.file), change)?;
        if !plan.is_empty() {
            next.apply(plan, Fsync::Never)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use flowrun_sdk::{Document, wire};
    use proptest::prelude::*;

    use super::super::tests::shard;
    use super::*;

    fn put(id: u8, text: u8, place: u8) -> Put {
        let document = wire::encode(&Document::new(id.to_string()).with_text(text.to_string()));
        let vector = Some(vec![f32::from(place), 1.0]);
        Put { id: id.to_string(), parent_id: String::new(), document, vector }
    }

    /// What is stored: ids, texts, places.
    fn stored(shard: &Shard) -> BTreeMap<String, (String, f32)> {
        let view = shard.read().view();
        let tagged = view.table.tags().map(|tagged| tagged.unwrap().id);
        let whole = |id: String| {
            let text = view.table.document(&id).unwrap().unwrap().text.unwrap_or_default();
            let place = shard.vector_of(&id).unwrap().unwrap()[0];
            (id, (text.to_string(), place))
        };
        tagged.map(whole).collect()
    }

    /// Documents that are written, `None` where one is removed.
    type Step = (u8, Option<(u8, u8)>);

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        proptest::collection::vec((0..12_u8, proptest::option::of((0..3_u8, 0..3_u8))), 0..20)
    }

    fn take(shard: &Shard, steps: &[Step], model: &mut BTreeMap<String, (String, f32)>) {
        for (id, written) in steps {
            let mut change = Change::default();
            match written {
                Some((text, place)) => {
                    change.put(put(*id, *text, *place));
                    model.insert(id.to_string(), (text.to_string(), f32::from(*place)));
                }
                None => {
                    change.remove(id.to_string());
                    model.remove(&id.to_string());
                }
            }
            shard.write(change).unwrap();
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn what_is_written_while_dead_rows_are_left_behind_is_there_afterwards(
            before in steps(), meanwhile in steps(), behind in steps(),
        ) {
            let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
            let mut model = BTreeMap::new();
            {
                let shard = shard(directory.path());
                take(&shard, &[(99, Some((0, 0)))], &mut model);
                take(&shard, &before, &mut model);
                let next = shard.begin_compaction().unwrap();
                take(&shard, &meanwhile, &mut model);
                prop_assert!(shard.finish_compaction(next).unwrap());
                *shard.compacting.touched.lock() = None;
                prop_assert_eq!(&stored(&shard), &model);
                take(&shard, &behind, &mut model);
                prop_assert_eq!(&stored(&shard), &model);
            }
            let shard = shard(directory.path());
            prop_assert_eq!(stored(&shard), model);
            prop_assert_eq!(shard.read().manifest.generation, 2);
        }
    }

    #[test]
    fn what_is_written_beside_a_compaction_is_there_afterwards_however_much_it_is() {
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let shard = shard(directory.path());
        // Each document once a round, in calls of more than are brought up to date while writers wait.
        let write = |call: usize, round: u8| {
            let mut change = Change::default();
            for number in call * 2 * RENEWED_AT_ONCE..(call + 1) * 2 * RENEWED_AT_ONCE {
                let document = wire::encode(&Document::new(number.to_string()).with_text(round.to_string()));
                let vector = Some(vec![f32::from(round), 1.0]);
                change.put(Put { id: number.to_string(), parent_id: String::new(), document, vector });
            }
            shard.write(change).unwrap();
        };
        for round in 0..5 {
            write(0, round);
            let next = shard.begin_compaction().unwrap();
            write(1, round);
            std::thread::scope(|scope| {
                scope.spawn(|| (2..6).for_each(|call| write(call, round)));
                assert!(shard.finish_compaction(next).unwrap());
            });
            *shard.compacting.touched.lock() = None;
            let expected = (round.to_string(), f32::from(round));
            let stored = stored(&shard);
            assert_eq!(stored.len(), 12 * RENEWED_AT_ONCE);
            assert!(stored.values().all(|found| *found == expected), "{round}");
        }
    }

    #[test]
    fn a_shard_that_is_broken_off_stays_so() {
        let directory = tempfile::tempdir().unwrap();
        let shard = shard(directory.path());
        take(&shard, &[(1, Some((1, 1)))], &mut BTreeMap::new());
        let next = shard.begin_compaction().unwrap();
        shard.read().break_off(&StorageError::damaged(directory.path(), "the disk refused"));
        let refused = shard.finish_compaction(next).unwrap_err().to_string();
        assert!(refused.contains("the disk refused"), "{refused}");
        assert_eq!(shard.read().manifest.generation, 1);
    }

    #[test]
    fn a_shard_in_use_leaves_its_dead_rows_behind_by_itself() {
        let directory = tempfile::tempdir().unwrap();
        let shard = shard(directory.path());
        let write = |round: u8| {
            let mut change = Change::default();
            for number in 0..600_u16 {
                let document = wire::encode(&Document::new(number.to_string()));
                let mut vector = vec![f32::from(round); 1024];
                vector[0] = f32::from(number);
                change.put(Put {
                    id: number.to_string(),
                    parent_id: String::new(),
                    document,
                    vector: Some(vector),
                });
            }
            shard.apply(change).unwrap();
        };
        // 2.4 MB each time: when two thirds are dead, that is more than four.
        (0..3).for_each(write);
        shard.settle(&|| Ok(())).unwrap();
        let view = shard.read().view();
        assert_eq!((view.counters.rows, view.dead.len(), view.counters.documents), (600, 0, 600));
        assert_eq!(shard.vector_of("599").unwrap().unwrap()[..2], [599.0, 2.0]);
    }

    #[test]
    fn what_cannot_be_copied_is_not_tried_again_and_everything_stays() {
        let directory = tempfile::tempdir().unwrap();
        let shard = shard(directory.path());
        let mut model = BTreeMap::new();
        take(&shard, &[(1, Some((1, 1))), (1, Some((2, 2)))], &mut model);
        // The row that lives.
        let state = shard.state.read();
        let path = state.vectors.as_ref().unwrap().file.path().to_owned();
        drop(state);
        let bytes = flowrun_sdk::guard::read_file(&path, 1 << 20).unwrap();
        let damaged = [&bytes[..bytes.len() - 1], &[bytes[bytes.len() - 1] ^ 1]].concat();
        std::fs::write(&path, &damaged).unwrap();
        shard.compact();
        assert!(shard.compacting.has_failed.load(Ordering::Acquire) && !shard.is_worth_compacting());
        assert_eq!(shard.read().manifest.generation, 1);
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(stored(&shard), model);
        take(&shard, &[(2, Some((0, 0)))], &mut model);
        assert_eq!(stored(&shard), model);
    }
}
