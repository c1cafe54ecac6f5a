//! Downloads a snapshot from a bucket into a directory.

use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use object_store::{Error, ObjectStoreExt as _};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use crate::manifest::{BYTES_MAX, Checksum, FileEntry, Manifest, NAME};
use crate::{Bucket, BucketError, CONCURRENT_PARTS, PART_BYTES};

/// Downloads the manifest and then every file in it. Errors are those of [`Bucket::download`].
pub(crate) async fn download(bucket: &Bucket, directory: &Path) -> Result<(), BucketError> {
    let key = bucket.key(NAME);
    let missing = "there is no snapshot: the address is wrong, or the upload was never completed";
    let found = bucket.store.head(&key).await.map_err(|error| match error {
        Error::NotFound { .. } => bucket.error("", &missing),
        error => bucket.store_error(NAME, &error),
    })?;
    if found.size > BYTES_MAX {
        return Err(bucket.error(NAME, &format_args!("{} bytes are too many for a manifest", found.size)));
    }
    let store_error = |error: Error| bucket.store_error(NAME, &error);
    // An empty range cannot be requested.
    let json = match found.size {
        0 => Bytes::new(),
        size => bucket.store.get_range(&key, 0..size).await.map_err(store_error)?,
    };
    let manifest = Manifest::parse(&json).map_err(|reason| bucket.error(NAME, &reason))?;
    for file in &manifest.files {
        download_file(bucket, &manifest.files_prefix, directory, file).await?;
    }
    // Syncs directory entries, so that the files survive a power failure.
    for name in manifest.directories() {
        let synced = async { File::open(directory.join(name)).await?.sync_all().await };
        synced.await.map_err(|error| bucket.error(name, &format_args!("it cannot be written: {error}")))?;
    }
    Ok(())
}

/// Downloads one file and compares size and checksum with the manifest.
async fn download_file(
    bucket: &Bucket,
    files_prefix: &str,
    directory: &Path,
    entry: &FileEntry,
) -> Result<(), BucketError> {
    let name = entry.name.as_str();
    let unwritable =
        |error: std::io::Error| bucket.error(name, &format_args!("it cannot be written: {error}"));
    let damaged = |reason: std::fmt::Arguments<'_>| {
        bucket.error(name, &format_args!("it is damaged ({reason}): restore another snapshot"))
    };
    let key = bucket.file_key(files_prefix, name);
    let store_error = |error: Error| match error {
        Error::NotFound { .. } => damaged(format_args!("it is missing")),
        error => bucket.store_error(name, &error),
    };
    let size = bucket.store.head(&key).await.map_err(store_error)?.size;
    if size != entry.bytes {
        return Err(damaged(format_args!("{size} bytes instead of {}", entry.bytes)));
    }
    let path = directory.join(name);
    if let Some(parent) = path.parent() {
        tokio::fs::create_dir_all(parent).await.map_err(unwritable)?;
    }
    let mut file = File::create_new(&path).await.map_err(unwritable)?;
    let mut checksum = Checksum::default();
    let parts = stream::iter(ranges(size)).map(|range| bucket.store.get_range(&key, range));
    let mut parts = std::pin::pin!(parts.buffered(CONCURRENT_PARTS));
    while let Some(part) = parts.next().await {
        let part = part.map_err(store_error)?;
        checksum.update(&part);
        file.write_all(&part).await.map_err(unwritable)?;
    }
    let sha256 = checksum.hex();
    if sha256 != entry.sha256 {
        return Err(damaged(format_args!("SHA-256 {sha256} instead of {}", entry.sha256)));
    }
    file.sync_all().await.map_err(unwritable)
}

/// Byte ranges of the parts of a file.
fn ranges(size: u64) -> impl Iterator<Item = Range<u64>> {
    (0..size).step_by(PART_BYTES).map(move |start| start..size.min(start + PART_BYTES as u64))
}
