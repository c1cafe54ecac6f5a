//! What snapshots in buckets promise: whole or not at all.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and its files are its own"
)]

mod failing;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use flowrun_bucket::{Bucket, Kind};
use object_store::memory::InMemory;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tempfile::TempDir;

use failing::Failing;

/// Files of a directory by their names, which it has.
fn files() -> BTreeMap<String, Vec<u8>> {
    // Of several parts, the last of which is not full; of exactly one; of less; of nothing.
    let long = |length: usize| (0..length).map(|place| (place % 251) as u8).collect::<Vec<u8>>();
    [
        ("long", long((20 << 20) + 3)),
        ("part", long(8 << 20)),
        ("deep/er/short", b"short".to_vec()),
        ("deep/empty", vec![]),
        ("with space and ä", b"x".to_vec()),
    ]
    .into_iter()
    .map(|(name, content)| (name.to_owned(), content))
    .collect()
}

fn filled() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files() {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    directory
}

/// What is in a directory.
fn read(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    fn look(directory: &Path, above: &str, read: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{above}{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() {
                look(&path, &format!("{name}/"), read);
            } else {
                read.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    look(directory, "", &mut found);
    found
}

fn bucket(store: Arc<dyn ObjectStore>) -> Bucket {
    Bucket::of(store, Key::from("some/prefix"), "s3://bucket/some/prefix", Kind::S3)
}

/// What is said of a snapshot that cannot be got back.
fn refused(bucket: &Bucket) -> String {
    bucket.get(tempfile::tempdir().unwrap().path()).unwrap_err().to_string()
}

fn wait_for<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn what_is_put_is_got_back() {
    let directory = filled();
    let elsewhere = tempfile::tempdir().unwrap();
    let address = format!("file://{}/snapshots/1", elsewhere.path().display());
    for bucket in [bucket(Arc::new(InMemory::new())), Bucket::open(&address).unwrap()] {
        bucket.put(directory.path()).unwrap();
        let back = tempfile::tempdir().unwrap();
        bucket.get(back.path()).unwrap();
        assert!(read(back.path()) == files());
    }
    let put = read(&elsewhere.path().join("snapshots/1"));
    assert!(put.keys().any(|name| name.starts_with("files-") && name.ends_with("/deep/er/short")));
}

#[test]
fn a_prefix_that_holds_a_snapshot_is_left_as_it_is() {
    let (directory, other) = (filled(), tempfile::tempdir().unwrap());
    let bucket = bucket(Arc::new(InMemory::new()));
    bucket.put(directory.path()).unwrap();
    let refused = bucket.put(other.path()).unwrap_err().to_string();
    assert_eq!(refused, "s3://bucket/some/prefix: there is a snapshot already: name another prefix");
    let back = tempfile::tempdir().unwrap();
    bucket.get(back.path()).unwrap();
    assert!(read(back.path()) == files());
}

#[test]
fn of_two_that_are_put_at_once_one_is_there_whole_and_the_other_is_refused() {
    let (directory, other) = (filled(), tempfile::tempdir().unwrap());
    std::fs::write(other.path().join("part"), "of the other").unwrap();
    let store = Arc::new(InMemory::new());
    let put = |directory: &TempDir| bucket(store.clone()).put(directory.path());
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| put(&directory));
        let second = put(&other);
        (first.join().unwrap(), second)
    });
    let expected = match (&first, &second) {
        (Ok(()), Err(_)) => files(),
        (Err(_), Ok(())) => read(other.path()),
        _ => panic!("{first:?}, {second:?}"),
    };
    let back = tempfile::tempdir().unwrap();
    bucket(store.clone()).get(back.path()).unwrap();
    assert!(read(back.path()) == expected);
    // And nothing of the other.
    let there = wait_for(store.list_with_delimiter(Some(&Key::from("some/prefix")))).unwrap();
    assert_eq!((there.common_prefixes.len(), there.objects.len()), (1, 1));
}

#[test]
fn what_was_interrupted_is_no_snapshot_and_can_be_put_again() {
    let directory = filled();
    // Five files: three in one piece, two in parts, one of three and one of one; and the list.
    for allowed in 0..8 {
        let store = Arc::new(InMemory::new());
        let failing = Arc::new(Failing::new(Arc::clone(&store), allowed));
        let said = bucket(failing.clone()).put(directory.path()).unwrap_err().to_string();
        assert!(said.starts_with("s3://bucket/some/prefix: "), "{said}");
        assert!(said.contains("the line is dead; see to AWS_ACCESS_KEY_ID,"), "{said}");
        assert_eq!(failing.unfinished(), 0, "{allowed}");
        let bucket = bucket(store);
        let missing = "there is no snapshot: the address is another, or it was never finished";
        assert_eq!(refused(&bucket), format!("s3://bucket/some/prefix: {missing}"));
        bucket.put(directory.path()).unwrap();
        let back = tempfile::tempdir().unwrap();
        bucket.get(back.path()).unwrap();
        assert!(read(back.path()) == files());
    }
}

#[test]
fn what_was_damaged_is_named() {
    let directory = filled();
    let store = Arc::new(InMemory::new());
    let bucket = bucket(store.clone());
    bucket.put(directory.path()).unwrap();
    let list = wait_for(async { store.get(&Key::from("some/prefix/snapshot.json")).await?.bytes().await });
    let list: serde_json::Value = serde_json::from_slice(&list.unwrap()).unwrap();
    let key = |name: &str| Key::from(format!("some/prefix/{}/{name}", list["beneath"].as_str().unwrap()));
    let put = |name: &str, content: &[u8]| {
        wait_for(store.put(&key(name), content.to_vec().into())).unwrap();
    };
    let mut changed = files()["long"].clone();
    changed[9 << 20] ^= 1;
    for (name, content, expected) in [
        ("deep/er/short", &b"shor"[..], "4 bytes instead of 5"),
        ("deep/er/short", b"Short", "SHA-256 "),
        ("deep/empty", b"x", "1 bytes instead of 0"),
        ("long", &changed, "SHA-256 "),
    ] {
        put(name, content);
        let said = refused(&bucket);
        let expected = format!("s3://bucket/some/prefix: {name}: it is not what was stored ({expected}");
        assert!(said.starts_with(&expected), "{said}");
        put(name, &files()[name]);
    }
    wait_for(store.delete(&key("part"))).unwrap();
    assert!(refused(&bucket).contains("part: it is not what was stored (it is missing)"));
    put("part", &files()["part"]);
    put("what nobody listed", b"x");
    let back = tempfile::tempdir().unwrap();
    bucket.get(back.path()).unwrap();
    assert!(read(back.path()) == files());
}

#[test]
fn a_list_that_leads_elsewhere_is_refused() {
    let store = Arc::new(InMemory::new());
    let bucket = bucket(store.clone());
    for (list, expected) in [
        ("", "it is no list of files: EOF"),
        (
            r#"{"version": 1, "beneath": "f", "files": [{"name": "../a", "bytes": 1, "sha256": ""}]}"#,
            "`../a` is no name that a file of a snapshot has",
        ),
        (
            r#"{"version": 1, "beneath": "f", "files": [{"name": "/etc/a", "bytes": 1, "sha256": ""}]}"#,
            "`/etc/a` is no name",
        ),
        (r#"{"version": 9, "beneath": "f", "files": []}"#, "it is of version 9, and 1 can be read"),
    ] {
        wait_for(store.put(&Key::from("some/prefix/snapshot.json"), list.into())).unwrap();
        let said = refused(&bucket);
        assert!(said.starts_with(&format!("s3://bucket/some/prefix: snapshot.json: {expected}")), "{said}");
    }
}

#[test]
fn addresses_are_checked_before_anything_is_asked() {
    let shape = "write s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or file:///path";
    for (address, expected) in [
        ("https://bucket.s3.amazonaws.com/prefix", shape),
        ("memory:///a", shape),
        ("file://elsewhere/a", shape),
        ("s3://bucket", "write a prefix behind the bucket"),
        ("s3://bucket/", "write a prefix behind the bucket"),
        ("s3://key:secret@bucket/a", "an address has a bucket and a prefix, and nothing else"),
        ("gs://bucket/a?x=1", "an address has a bucket and a prefix, and nothing else"),
    ] {
        assert_eq!(Bucket::open(address).unwrap_err().to_string(), format!("{address}: {expected}"));
    }
}
