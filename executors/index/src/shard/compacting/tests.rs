//! Dead rows are left behind, and nothing else, whatever is written meanwhile and whoever is in a hurry.

use std::collections::BTreeMap;

use flowrun_sdk::{Document, wire};
use proptest::prelude::*;

use super::*;
use crate::shard::OpenShard;
use crate::shard::tests::{change, shard};

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
        let place = shard.read_transaction().vector(&id).unwrap().unwrap()[0];
        (id, (text.to_string(), place))
    };
    tagged.map(whole).collect()
}

/// Documents that are written, `None` where one is removed.
type Step = (u8, Option<(u8, u8)>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec((0..12_u8, proptest::option::of((0..3_u8, 0..3_u8))), 0..20)
}

fn take(shard: &OpenShard, steps: &[Step], model: &mut BTreeMap<String, (String, f32)>) {
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
        shard.apply(change).unwrap();
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
        shard.apply(change).unwrap();
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
fn chunks_that_are_stored_again_after_their_parent_went_are_there_afterwards() {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let shard = shard(directory.path());
    // In the order of ids the parent comes long after the chunks.
    let chunks = || {
        let mut change = Change::default();
        (0..RENEWED_AT_ONCE + 100).for_each(|number| {
            let id = format!("chunk {number}");
            let document = wire::encode(&Document::new(&id));
            change.put(Put { id, parent_id: "parent".to_owned(), document, vector: Some(vec![1.0, 2.0]) });
        });
        change
    };
    shard.apply(chunks()).unwrap();
    shard.apply(change("parent")).unwrap();
    let next = shard.begin_compaction().unwrap();
    let mut removal = Change::default();
    removal.remove("parent".to_owned());
    assert_eq!(shard.apply(removal).unwrap().removed, RENEWED_AT_ONCE + 101);
    shard.apply(chunks()).unwrap();
    assert!(shard.finish_compaction(next).unwrap());
    assert_eq!(stored(&shard).len(), RENEWED_AT_ONCE + 100);
}

#[test]
fn whoever_gives_a_compaction_up_leaves_an_index_that_goes_on_working() {
    let directory = tempfile::tempdir().unwrap();
    let shard = shard(directory.path());
    take(&shard, &[(1, Some((1, 1)))], &mut BTreeMap::new());
    let next = shard.begin_compaction().unwrap();
    // As whoever wants to restore a backup that is not there.
    let hurry = shard.compacting.hurry();
    assert!(!shard.finish_compaction(next).unwrap());
    shard.compact();
    drop(hurry);
    assert_eq!((shard.read().manifest.generation, shard.is_closing()), (1, false));
    *shard.compacting.touched.lock() = None;
    shard.compact();
    assert_eq!((shard.read().manifest.generation, shard.is_closing()), (2, false));
}

#[test]
fn what_takes_the_place_of_an_index_that_is_closed_is_closed_too() {
    let directory = tempfile::tempdir().unwrap();
    let shard = shard(directory.path());
    take(&shard, &[(1, Some((1, 1)))], &mut BTreeMap::new());
    let next = shard.begin_compaction().unwrap();
    shard.read().vectors.as_ref().unwrap().is_over.store(true, Ordering::Release);
    assert!(shard.finish_compaction(next).unwrap() && shard.is_closing());
}

#[test]
fn where_nobody_knows_which_generation_is_current_none_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let shard = shard(directory.path());
    take(&shard, &[(1, Some((1, 1)))], &mut BTreeMap::new());
    // As when the manifest that names it could not be told to the disk.
    let other = shard.layout.documents(2);
    drop(shard.begin_compaction().unwrap());
    shard.read().break_off(&StorageError::damaged(directory.path(), "the disk refused"));
    shard.compact();
    assert!(other.exists());
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
    shard.wait_until_indexed(&|| Ok(())).unwrap();
    let view = shard.read().view();
    assert_eq!((view.counters.rows, view.dead.len(), view.counters.documents), (600, 0, 600));
    assert_eq!(shard.read_transaction().vector("599").unwrap().unwrap()[..2], [599.0, 2.0]);
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
