//! Compaction removes tombstones and nothing else, despite concurrent writes and interruptions.

use std::collections::BTreeMap;

use flowrun_sdk::{Document, protobuf};
use proptest::prelude::*;

use super::*;
use crate::shard::OpenShard;
use crate::shard::tests::{change, shard};

fn put(id: u8, text: u8, element: u8) -> Put {
    let document = protobuf::encode(&Document::new(id.to_string()).with_text(text.to_string()));
    let vector = Some(vec![f32::from(element), 1.0]);
    Put { id: id.to_string(), parent_id: String::new(), document, vector }
}

/// Stored ids with their text and the first element of their vector.
fn stored(shard: &Shard) -> BTreeMap<String, (String, f32)> {
    let view = shard.state().view();
    let tagged = view.table.tags().map(|tagged| tagged.unwrap().id);
    let contents = |id: String| {
        let text = view.table.document(&id).unwrap().unwrap().text.unwrap_or_default();
        let element = shard.read_transaction().vector(&id).unwrap().unwrap()[0];
        (id, (text.to_string(), element))
    };
    tagged.map(contents).collect()
}

/// A document that is written (text, first element of the vector), or `None` to remove it.
type Step = (u8, Option<(u8, u8)>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec((0..12_u8, proptest::option::of((0..3_u8, 0..3_u8))), 0..20)
}

fn apply_steps(shard: &OpenShard, steps: &[Step], model: &mut BTreeMap<String, (String, f32)>) {
    for (id, written) in steps {
        let mut change = Change::default();
        match written {
            Some((text, element)) => {
                change.put(put(*id, *text, *element));
                model.insert(id.to_string(), (text.to_string(), f32::from(*element)));
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
    fn writes_during_a_compaction_are_kept(
        before in steps(), meanwhile in steps(), afterwards in steps(),
    ) {
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let mut model = BTreeMap::new();
        {
            let shard = shard(directory.path());
            apply_steps(&shard, &[(99, Some((0, 0)))], &mut model);
            apply_steps(&shard, &before, &mut model);
            let next = shard.maintenance().begin_compaction().unwrap();
            apply_steps(&shard, &meanwhile, &mut model);
            prop_assert!(shard.maintenance().finish_compaction(next).unwrap());
            drop(shard.compaction.end_on_drop());
            prop_assert_eq!(&stored(&shard), &model);
            apply_steps(&shard, &afterwards, &mut model);
            prop_assert_eq!(&stored(&shard), &model);
        }
        let shard = shard(directory.path());
        prop_assert_eq!(stored(&shard), model);
        prop_assert_eq!(shard.state().manifest.generation, 2);
    }
}

#[test]
fn long_lists_of_writes_during_a_compaction_are_kept() {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let shard = shard(directory.path());
    // Each document once per round, in calls with more documents than are copied again under the writer lock.
    let write = |call: usize, round: u8| {
        let mut change = Change::default();
        for number in call * 2 * RECOPIED_AT_ONCE..(call + 1) * 2 * RECOPIED_AT_ONCE {
            let document = protobuf::encode(&Document::new(number.to_string()).with_text(round.to_string()));
            let vector = Some(vec![f32::from(round), 1.0]);
            change.put(Put { id: number.to_string(), parent_id: String::new(), document, vector });
        }
        shard.apply(change).unwrap();
    };
    for round in 0..5 {
        write(0, round);
        let next = shard.maintenance().begin_compaction().unwrap();
        write(1, round);
        std::thread::scope(|scope| {
            scope.spawn(|| (2..6).for_each(|call| write(call, round)));
            assert!(shard.maintenance().finish_compaction(next).unwrap());
        });
        drop(shard.compaction.end_on_drop());
        let expected = (round.to_string(), f32::from(round));
        let stored = stored(&shard);
        assert_eq!(stored.len(), 12 * RECOPIED_AT_ONCE);
        assert!(stored.values().all(|found| *found == expected), "{round}");
    }
}

#[test]
fn chunks_stored_again_after_their_parent_was_removed_are_kept() {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let shard = shard(directory.path());
    // In id order the parent comes long after the chunks.
    let chunks = || {
        let mut change = Change::default();
        (0..RECOPIED_AT_ONCE + 100).for_each(|number| {
            let id = format!("chunk {number}");
            let document = protobuf::encode(&Document::new(&id));
            change.put(Put { id, parent_id: "parent".to_owned(), document, vector: Some(vec![1.0, 2.0]) });
        });
        change
    };
    shard.apply(chunks()).unwrap();
    shard.apply(change("parent")).unwrap();
    let next = shard.maintenance().begin_compaction().unwrap();
    let mut removal = Change::default();
    removal.remove("parent".to_owned());
    assert_eq!(shard.apply(removal).unwrap().removed, RECOPIED_AT_ONCE + 101);
    shard.apply(chunks()).unwrap();
    assert!(shard.maintenance().finish_compaction(next).unwrap());
    assert_eq!(stored(&shard).len(), RECOPIED_AT_ONCE + 100);
}

#[test]
fn an_interrupted_compaction_leaves_a_working_index() {
    let directory = tempfile::tempdir().unwrap();
    let shard = shard(directory.path());
    apply_steps(&shard, &[(1, Some((1, 1)))], &mut BTreeMap::new());
    let next = shard.maintenance().begin_compaction().unwrap();
    // As a restore of a backup that does not exist.
    let interruption = shard.compaction.interrupt();
    assert!(!shard.maintenance().finish_compaction(next).unwrap());
    shard.compact();
    drop(interruption);
    let generation = shard.state().manifest.generation;
    assert_eq!((generation, shard.is_closing()), (1, false));
    drop(shard.compaction.end_on_drop());
    shard.compact();
    let generation = shard.state().manifest.generation;
    assert_eq!((generation, shard.is_closing()), (2, false));
}

#[test]
fn a_compaction_that_ends_while_the_shard_is_closed_is_closed_too() {
    let directory = tempfile::tempdir().unwrap();
    let shard = shard(directory.path());
    apply_steps(&shard, &[(1, Some((1, 1)))], &mut BTreeMap::new());
    let next = shard.maintenance().begin_compaction().unwrap();
    shard.state().vectors.as_ref().unwrap().retire();
    assert!(shard.maintenance().finish_compaction(next).unwrap() && shard.is_closing());
}

#[test]
fn no_generation_is_removed_while_the_current_one_is_unknown() {
    let directory = tempfile::tempdir().unwrap();
    let shard = shard(directory.path());
    apply_steps(&shard, &[(1, Some((1, 1)))], &mut BTreeMap::new());
    // As if the manifest that names it could not be synced.
    let other = shard.layout.documents(2);
    drop(shard.maintenance().begin_compaction().unwrap());
    shard.state().reject_writes(&StorageError::damaged(directory.path(), "the disk refused"));
    shard.compact();
    assert!(other.exists());
}

#[test]
fn a_compaction_does_not_make_a_shard_with_a_failed_write_writable() {
    let directory = tempfile::tempdir().unwrap();
    let shard = shard(directory.path());
    apply_steps(&shard, &[(1, Some((1, 1)))], &mut BTreeMap::new());
    let next = shard.maintenance().begin_compaction().unwrap();
    shard.state().reject_writes(&StorageError::damaged(directory.path(), "the disk refused"));
    let refused = shard.maintenance().finish_compaction(next).unwrap_err().to_string();
    assert!(refused.contains("the disk refused"), "{refused}");
    assert_eq!(shard.state().manifest.generation, 1);
}

#[test]
fn a_shard_in_use_is_compacted_automatically() {
    let directory = tempfile::tempdir().unwrap();
    let shard = shard(directory.path());
    let write = |round: u8| {
        let mut change = Change::default();
        for number in 0..600_u16 {
            let document = protobuf::encode(&Document::new(number.to_string()));
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
    // 2.4 MB per round: once two thirds have tombstones, more than 4 MB.
    (0..3).for_each(write);
    shard.wait_until_indexed(&|| Ok(())).unwrap();
    let view = shard.state().view();
    assert_eq!((view.counters.rows, view.tombstones.len(), view.counters.documents), (600, 0, 600));
    assert_eq!(shard.read_transaction().vector("599").unwrap().unwrap()[..2], [599.0, 2.0]);
}

#[test]
fn a_failed_compaction_is_not_retried_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let shard = shard(directory.path());
    let mut model = BTreeMap::new();
    apply_steps(&shard, &[(1, Some((1, 1))), (1, Some((2, 2)))], &mut model);
    // Damage the live row.
    let state = shard.state();
    let path = state.vectors.as_ref().unwrap().file.path().to_owned();
    drop(state);
    let bytes = flowrun_sdk::guard::read_file(&path, 1 << 20).unwrap();
    let damaged = [&bytes[..bytes.len() - 1], &[bytes[bytes.len() - 1] ^ 1]].concat();
    std::fs::write(&path, &damaged).unwrap();
    shard.compact();
    assert!(shard.compaction.has_failed() && !shard.is_compaction_due());
    assert_eq!(shard.state().manifest.generation, 1);
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(stored(&shard), model);
    apply_steps(&shard, &[(2, Some((0, 0)))], &mut model);
    assert_eq!(stored(&shard), model);
}
