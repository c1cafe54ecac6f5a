//! Snapshots in object stores are complete or do not exist.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and reads only its own files"
)]

mod failing_store;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use flowrun_bucket::{Bucket, Provider};
use object_store::memory::InMemory;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tempfile::TempDir;

use failing_store::FailingStore;

/// Content of the test files by relative path.
fn files() -> BTreeMap<String, Vec<u8>> {
    // Several parts with a short last one; exactly one part; less than one; empty.
    let long = |length: usize| (0..length).map(|position| (position % 251) as u8).collect::<Vec<u8>>();
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

/// Content of all files in a directory by relative path.
fn read(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    fn collect(directory: &Path, parent: &str, read: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{parent}{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() {
                collect(&path, &format!("{name}/"), read);
            } else {
                read.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    collect(directory, "", &mut found);
    found
}

fn bucket(store: Arc<dyn ObjectStore>) -> Bucket {
    Bucket::with_store(store, Key::from("some/prefix"), "s3://bucket/some/prefix", Provider::S3)
}

/// The error of a snapshot that cannot be downloaded.
fn download_error(bucket: &Bucket) -> String {
    bucket.download(tempfile::tempdir().unwrap().path()).unwrap_err().to_string()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn a_downloaded_snapshot_equals_the_uploaded_directory() {
    let directory = filled();
    let elsewhere = tempfile::tempdir().unwrap();
    let address = format!("file://{}/snapshots/1", elsewhere.path().display());
    for bucket in [bucket(Arc::new(InMemory::new())), Bucket::open(&address).unwrap()] {
        bucket.upload(directory.path()).unwrap();
        let back = tempfile::tempdir().unwrap();
        bucket.download(back.path()).unwrap();
        assert!(read(back.path()) == files());
    }
    let uploaded = read(&elsewhere.path().join("snapshots/1"));
    assert!(uploaded.keys().any(|name| name.starts_with("files-") && name.ends_with("/deep/er/short")));
}

#[test]
fn an_existing_snapshot_is_not_overwritten() {
    let (directory, other) = (filled(), tempfile::tempdir().unwrap());
    let bucket = bucket(Arc::new(InMemory::new()));
    bucket.upload(directory.path()).unwrap();
    let refused = bucket.upload(other.path()).unwrap_err().to_string();
    assert_eq!(refused, "s3://bucket/some/prefix: a snapshot already exists: name another prefix");
    let back = tempfile::tempdir().unwrap();
    bucket.download(back.path()).unwrap();
    assert!(read(back.path()) == files());
}

#[test]
fn one_of_two_concurrent_uploads_succeeds_and_the_other_is_rejected() {
    let (directory, other) = (filled(), tempfile::tempdir().unwrap());
    std::fs::write(other.path().join("part"), "of the other").unwrap();
    let store = Arc::new(InMemory::new());
    let upload = |directory: &TempDir| bucket(store.clone()).upload(directory.path());
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| upload(&directory));
        let second = upload(&other);
        (first.join().unwrap(), second)
    });
    let expected = match (&first, &second) {
        (Ok(()), Err(_)) => files(),
        (Err(_), Ok(())) => read(other.path()),
        _ => panic!("{first:?}, {second:?}"),
    };
    let back = tempfile::tempdir().unwrap();
    bucket(store.clone()).download(back.path()).unwrap();
    assert!(read(back.path()) == expected);
    // The files of the other one are removed.
    let listed = block_on(store.list_with_delimiter(Some(&Key::from("some/prefix")))).unwrap();
    assert_eq!((listed.common_prefixes.len(), listed.objects.len()), (1, 1));
}

#[test]
fn an_interrupted_upload_is_no_snapshot_and_can_be_repeated() {
    let directory = filled();
    // Eight uploads: three whole files, two multipart files of three parts and one part, and the manifest.
    for allowed in 0..8 {
        let store = Arc::new(InMemory::new());
        let failing = Arc::new(FailingStore::new(Arc::clone(&store), allowed));
        let error = bucket(failing.clone()).upload(directory.path()).unwrap_err().to_string();
        assert!(error.starts_with("s3://bucket/some/prefix: "), "{error}");
        assert!(error.contains("the connection is lost; check AWS_ACCESS_KEY_ID,"), "{error}");
        assert_eq!(failing.unfinished(), 0, "{allowed}");
        let bucket = bucket(store);
        let missing = "there is no snapshot: the address is wrong, or the upload was never completed";
        assert_eq!(download_error(&bucket), format!("s3://bucket/some/prefix: {missing}"));
        bucket.upload(directory.path()).unwrap();
        let back = tempfile::tempdir().unwrap();
        bucket.download(back.path()).unwrap();
        assert!(read(back.path()) == files());
    }
}

#[test]
fn damaged_files_are_named() {
    let directory = filled();
    let store = Arc::new(InMemory::new());
    let bucket = bucket(store.clone());
    bucket.upload(directory.path()).unwrap();
    let manifest =
        block_on(async { store.get(&Key::from("some/prefix/snapshot.json")).await?.bytes().await });
    let manifest: serde_json::Value = serde_json::from_slice(&manifest.unwrap()).unwrap();
    let key = |name: &str| Key::from(format!("some/prefix/{}/{name}", manifest["beneath"].as_str().unwrap()));
    let put = |name: &str, content: &[u8]| {
        block_on(store.put(&key(name), content.to_vec().into())).unwrap();
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
        let error = download_error(&bucket);
        let expected = format!("s3://bucket/some/prefix: {name}: it is damaged ({expected}");
        assert!(error.starts_with(&expected), "{error}");
        put(name, &files()[name]);
    }
    block_on(store.delete(&key("part"))).unwrap();
    assert!(download_error(&bucket).contains("part: it is damaged (it is missing)"));
    put("part", &files()["part"]);
    put("not in the manifest", b"x");
    let back = tempfile::tempdir().unwrap();
    bucket.download(back.path()).unwrap();
    assert!(read(back.path()) == files());
}

#[test]
fn malformed_manifests_are_rejected() {
    let store = Arc::new(InMemory::new());
    let bucket = bucket(store.clone());
    for (manifest, expected) in [
        ("", "it is not a manifest: EOF"),
        (
            r#"{"version": 1, "beneath": "f", "files": [{"name": "../a", "bytes": 1, "sha256": ""}]}"#,
            "`../a` is not a valid file name in a snapshot",
        ),
        (
            r#"{"version": 1, "beneath": "f", "files": [{"name": "/etc/a", "bytes": 1, "sha256": ""}]}"#,
            "`/etc/a` is not a valid file name",
        ),
        (r#"{"version": 9, "beneath": "f", "files": []}"#, "it has version 9, but only 1 is supported"),
    ] {
        block_on(store.put(&Key::from("some/prefix/snapshot.json"), manifest.into())).unwrap();
        let error = download_error(&bucket);
        assert!(error.starts_with(&format!("s3://bucket/some/prefix: snapshot.json: {expected}")), "{error}");
    }
}

#[test]
fn invalid_addresses_are_rejected_without_a_request() {
    let shape = "write s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or file:///path";
    for (address, expected) in [
        ("https://bucket.s3.amazonaws.com/prefix", shape),
        ("memory:///a", shape),
        ("file://elsewhere/a", shape),
        ("s3://bucket", "write a prefix after the bucket"),
        ("s3://bucket/", "write a prefix after the bucket"),
        (
            "s3://key:secret@bucket/a",
            "an address has only a bucket and a prefix: leave out user, password, query and fragment",
        ),
        (
            "gs://bucket/a?x=1",
            "an address has only a bucket and a prefix: leave out user, password, query and fragment",
        ),
    ] {
        assert_eq!(Bucket::open(address).unwrap_err().to_string(), format!("{address}: {expected}"));
    }
}
