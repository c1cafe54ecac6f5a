//! The index cache: pinning, eviction order, and that no answer depends on it.

use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use flowrun_sdk::{Context, Document, ExecutorError, protobuf};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::ann::IndexChoice;
use crate::metric::Query;
use crate::shard::maintenance::Refreshed;
use crate::shard::tests::settings;
use crate::shard::{CacheCapacity, OpenShard, SearchParams};
use crate::storage::{Change, Fsync, Layout, Put};

fn open(pod: &Path, count: usize, index: &str, capacity: Option<CacheCapacity>) -> Vec<Arc<OpenShard>> {
    open_as(pod, count, index, capacity, false)
}

fn read(pod: &Path, count: usize, index: &str, capacity: Option<CacheCapacity>) -> Vec<Arc<OpenShard>> {
    open_as(pod, count, index, capacity, true)
}

fn open_as(
    pod: &Path,
    count: usize,
    index: &str,
    capacity: Option<CacheCapacity>,
    read_only: bool,
) -> Vec<Arc<OpenShard>> {
    let open = |shard: usize| {
        let mut settings = settings(IndexChoice::new(index), Fsync::Never);
        (settings.schema.shards, settings.schema.shard) = (count, shard);
        settings.schema.index = index.to_owned();
        (settings.cache_capacity, settings.read_only) = (capacity, read_only);
        OpenShard::open(&Context::standalone(pod.join(shard.to_string())), settings).unwrap()
    };
    (0..count).map(open).collect()
}

fn write(shard: &OpenShard, ids: impl IntoIterator<Item = u32>) {
    let mut change = Change::default();
    for id in ids {
        let vector = vec![(id % 97) as f32, (id % 89) as f32];
        let document = protobuf::encode(&Document::new(id.to_string()));
        change.put(Put { id: id.to_string(), parent_id: String::new(), document, vector: Some(vector) });
    }
    shard.apply(change).unwrap();
}

fn remove(shard: &OpenShard, id: u32) {
    let mut change = Change::default();
    change.remove(id.to_string());
    shard.apply(change).unwrap();
}

/// Distances and ids of the nearest documents.
fn found(shard: &OpenShard, query: [f32; 2]) -> Vec<(f32, String)> {
    let params = SearchParams { k: 5, ..SearchParams::default() };
    let answers = shard.search(&[Query::new(query.to_vec())], &params, &|| Ok(())).unwrap();
    let matches = answers.into_iter().flatten();
    matches.map(|found| (found.distance, found.document.id.to_string())).collect()
}

fn wait_until_indexed(shard: &OpenShard) {
    shard.wait_until_indexed(&|| Ok(())).unwrap();
}

fn in_memory(shards: &[Arc<OpenShard>]) -> Vec<usize> {
    let is_in_memory = |shard: &OpenShard| !shard.vectors().is_some_and(|vectors| vectors.is_evicted());
    (0..).zip(shards).filter(|(_, shard)| is_in_memory(shard)).map(|(number, _)| number).collect()
}

/// One step of the test.
#[derive(Clone, Debug)]
enum Step {
    Write(u32),
    Remove(u32),
    Search(u8),
    WaitUntilIndexed,
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let step = prop_oneof![
        3 => (0..300_u32).prop_map(Step::Write),
        1 => (0..300_u32).prop_map(Step::Remove),
        3 => (0..90_u8).prop_map(Step::Search),
        1 => Just(Step::WaitUntilIndexed),
    ];
    proptest::collection::vec((0..4_usize, step), 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn answers_do_not_depend_on_the_cache_capacity(
        steps in steps(),
        capacity in prop_oneof![(1..4_u64).prop_map(CacheCapacity::Shards), (1..4000_u64).prop_map(CacheCapacity::Bytes)],
        index in prop_oneof![Just("auto"), Just("HNSW8"), Just("IVF2,Flat")],
    ) {
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let pod = |name| directory.path().join(name);
        let bounded = open(&pod("bounded"), 4, index, Some(capacity));
        let all = open(&pod("all"), 4, index, None);
        for (number, (shard, other)) in (0..).zip(bounded.iter().zip(&all)) {
            let ids = || (0..200).map(|id| id * 4 + number);
            write(shard, ids());
            write(other, ids());
        }
        for (number, step) in steps {
            let (shard, other) = (&bounded[number], &all[number]);
            match step {
                Step::Write(id) => {
                    write(shard, id..id + 9);
                    write(other, id..id + 9);
                }
                Step::Remove(id) => {
                    remove(shard, id);
                    remove(other, id);
                }
                Step::Search(element) => {
                    let query = [f32::from(element), f32::from(element / 2)];
                    prop_assert_eq!(found(shard, query), found(other, query));
                }
                Step::WaitUntilIndexed => wait_until_indexed(shard),
            }
        }
        bounded.iter().for_each(|shard| wait_until_indexed(shard));
        if let CacheCapacity::Shards(shards) = capacity {
            prop_assert!(in_memory(&bounded).len() as u64 <= shards);
        }
        drop(bounded);
        // The next opening finds the evicted indexes.
        let bounded = open(&pod("bounded"), 4, index, Some(capacity));
        prop_assert_eq!(in_memory(&bounded), [0_usize; 0]);
        for (shard, other) in bounded.iter().zip(&all) {
            prop_assert_eq!(found(shard, [40.0, 40.0]), found(other, [40.0, 40.0]));
        }
    }
}

#[test]
fn the_least_recently_used_index_is_evicted() {
    let directory = tempfile::tempdir().unwrap();
    let shards = open(directory.path(), 4, "HNSW8", Some(CacheCapacity::Shards(2)));
    for (shard, number) in shards.iter().zip(0..) {
        write(shard, (0..50).map(|id| id * 4 + number));
        wait_until_indexed(shard);
    }
    for (searched, expected) in [(0, [0, 3]), (1, [0, 1]), (0, [0, 1]), (2, [0, 2]), (3, [2, 3])] {
        assert_eq!(found(&shards[searched], [1.0, 1.0]).len(), 5);
        assert_eq!(in_memory(&shards), expected);
    }
    let status = shards[3].read_transaction().status();
    assert!(status.contains(&("resident", json!(true))), "{status:?}");
    assert!(shards[0].read_transaction().status().contains(&("resident", json!(false))));
}

#[test]
fn a_bytes_capacity_holds_what_fits_and_at_least_one_index() {
    let directory = tempfile::tempdir().unwrap();
    let open = |bytes| open(directory.path(), 3, "Flat", Some(CacheCapacity::Bytes(bytes)));
    let shards = open(1 << 20);
    for (shard, rows) in shards.iter().zip([100, 100, 1000]) {
        write(shard, 0..rows);
    }
    drop(shards);
    // 800, 800 and 8000 bytes.
    let shards = open(1700);
    let ask = |number: usize| {
        found(&shards[number], [1.0, 1.0]);
        in_memory(&shards)
    };
    assert_eq!((ask(0), ask(1)), (vec![0], vec![0, 1]));
    assert_eq!((ask(2), ask(0)), (vec![2], vec![0]));
}

#[test]
fn concurrent_searches_share_a_small_cache() {
    let directory = tempfile::tempdir().unwrap();
    let shards = open(directory.path(), 5, "HNSW8", Some(CacheCapacity::Shards(2)));
    for shard in &shards {
        write(shard, 0..200);
        wait_until_indexed(shard);
    }
    let expected = found(&shards[0], [7.0, 7.0]);
    let cache = shards[0].cache.clone().unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            while !is_over.load(Ordering::Acquire) {
                assert!(!cache.is_over_capacity());
                std::thread::yield_now();
            }
        });
        let searching: Vec<_> = (0..6_usize)
            .map(|thread| {
                let (shards, expected) = (&shards, &expected);
                scope.spawn(move || {
                    for turn in 0..60 {
                        let shard = &shards[(thread * 7 + turn * (thread + 1)) % shards.len()];
                        assert_eq!(&found(shard, [7.0, 7.0]), expected);
                    }
                })
            })
            .collect();
        searching.into_iter().for_each(|thread| thread.join().unwrap());
        is_over.store(true, Ordering::Release);
        watching.join().unwrap();
    });
}

#[test]
fn waiting_for_a_full_cache_ends_at_the_deadline_and_builds_do_not_count() {
    let directory = tempfile::tempdir().unwrap();
    let shards = open(directory.path(), 3, "HNSW8", Some(CacheCapacity::Shards(1)));
    for shard in &shards {
        write(shard, 0..50);
        wait_until_indexed(shard);
    }
    let forever = || Ok::<_, ExecutorError>(());
    let pin = shards[0].pin(Purpose::Use, forever).unwrap();
    let building = shards[1].pin(Purpose::Build, forever).unwrap();
    assert_eq!(in_memory(&shards), [0, 1]);
    let end = Instant::now() + Duration::from_millis(50);
    let check = || match Instant::now() < end {
        true => Ok(()),
        false => Err(ExecutorError::resource("too late")),
    };
    for purpose in [Purpose::Use, Purpose::Build] {
        let refused = shards[2].pin(purpose, check).err().unwrap();
        assert_eq!(refused.message(), "too late");
    }
    // A search finds an index that is pinned for a build.
    assert_eq!(found(&shards[1], [1.0, 1.0]).len(), 5);
    let barrier = Barrier::new(2);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            barrier.wait();
            found(&shards[2], [1.0, 1.0]).len()
        });
        barrier.wait();
        drop(pin);
        assert_eq!(waiting.join().unwrap(), 5);
    });
    assert_eq!(in_memory(&shards), [1, 2]);
    drop(building);
    assert_eq!(in_memory(&shards).len(), 1);
}

#[test]
fn a_damaged_or_lost_index_file_is_rebuilt() {
    let directory = tempfile::tempdir().unwrap();
    let shards = open(directory.path(), 2, "HNSW8", Some(CacheCapacity::Shards(1)));
    // More rows than a load adds synchronously.
    write(&shards[0], 0..10_100);
    write(&shards[1], 0..100);
    shards.iter().for_each(|shard| wait_until_indexed(shard));
    let expected = found(&shards[0], [3.0, 3.0]);
    found(&shards[1], [3.0, 3.0]);
    let path = Layout::new(directory.path().join("0")).faiss_index(1);
    let mut bytes = flowrun_sdk::guard::read_file(&path, 1 << 24).unwrap();
    bytes[99] ^= 1;
    for damaged in [Some(bytes), None] {
        match damaged {
            Some(bytes) => std::fs::write(&path, &bytes).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        assert_eq!(found(&shards[0], [3.0, 3.0]), expected);
        // The index task rebuilds it.
        while shards[0].vectors().unwrap().missing_rows() > 0 {
            std::thread::yield_now();
        }
        found(&shards[1], [3.0, 3.0]);
        assert!(crate::ann::is_intact(&path));
    }
}

#[test]
fn read_only_shards_respect_the_capacity_and_reuse_the_index_that_the_writer_saved() {
    let directory = tempfile::tempdir().unwrap();
    let writing = open(directory.path(), 2, "HNSW8", None);
    for shard in &writing {
        write(shard, 0..100);
        shard.save_index();
    }
    let reading = read(directory.path(), 2, "HNSW8", Some(CacheCapacity::Shards(1)));
    // Another pod that reads the same shards has its own capacity.
    let others = read(directory.path(), 2, "HNSW8", Some(CacheCapacity::Shards(2)));
    others.iter().for_each(|shard| drop(found(shard, [9.0, 9.0])));
    assert_eq!((in_memory(&reading), in_memory(&others)), (vec![], vec![0, 1]));
    for turn in 1..4 {
        for (shard, other) in reading.iter().zip(&writing) {
            write(other, turn * 100..(turn + 1) * 100);
            assert_ne!(shard.refresh().unwrap(), Refreshed::Absent);
            assert_eq!(found(shard, [9.0, 9.0]), found(other, [9.0, 9.0]));
            wait_until_indexed(shard);
            if turn == 2 {
                other.save_index();
            }
        }
        // Rows added since are added again when the index is loaded.
        assert_eq!(in_memory(&reading), [1]);
        assert_eq!(found(&reading[0], [9.0, 9.0]), found(&writing[0], [9.0, 9.0]));
        assert_eq!(in_memory(&reading), [0]);
    }
}

#[test]
fn an_index_that_cannot_be_saved_stays_in_memory_and_blocks_no_caller() {
    let directory = tempfile::tempdir().unwrap();
    let shards = open(directory.path(), 2, "HNSW8", Some(CacheCapacity::Shards(1)));
    write(&shards[0], 0..99);
    wait_until_indexed(&shards[0]);
    // A directory blocks the path of the file.
    let path = Layout::new(directory.path().join("0")).faiss_index(1);
    std::fs::remove_file(&path).unwrap();
    write(&shards[0], 99..100);
    wait_until_indexed(&shards[0]);
    std::fs::create_dir_all(path.join("something")).unwrap();
    write(&shards[1], 0..100);
    // During its build it is in memory too.
    wait_until_indexed(&shards[1]);
    let ask_both = || {
        for shard in &shards {
            assert_eq!(found(shard, [3.0, 3.0]).len(), 5);
            wait_until_indexed(shard);
        }
    };
    ask_both();
    assert_eq!(in_memory(&shards), [0]);
    std::fs::remove_dir_all(&path).unwrap();
    (0..2).for_each(|_| ask_both());
    assert_eq!(in_memory(&shards), [1]);
}

#[test]
fn evicted_shards_can_be_compacted_and_cleared() {
    let directory = tempfile::tempdir().unwrap();
    let shards = open(directory.path(), 2, "IVF2,Flat", Some(CacheCapacity::Shards(1)));
    write(&shards[0], 0..300);
    wait_until_indexed(&shards[0]);
    (0..150).for_each(|id| remove(&shards[0], id));
    let expected = found(&shards[0], [50.0, 50.0]);
    write(&shards[1], 0..300);
    wait_until_indexed(&shards[1]);
    found(&shards[1], [0.0, 0.0]);
    assert_eq!(in_memory(&shards), [1]);
    shards[0].compact();
    assert_eq!(found(&shards[0], [50.0, 50.0]), expected);
    found(&shards[1], [0.0, 0.0]);
    shards[0].clear().unwrap();
    assert!(found(&shards[0], [50.0, 50.0]).is_empty());
    write(&shards[0], 5..6);
    assert_eq!(found(&shards[0], [5.0, 5.0]), [(0.0, "5".to_owned())]);
}
