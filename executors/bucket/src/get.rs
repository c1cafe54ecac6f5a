//! From a bucket into a directory.

use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use object_store::{Error, ObjectStoreExt as _};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use crate::manifest::{BYTES_MAX, Checksum, Listed, Manifest, NAME};
use crate::{Bucket, BucketError, PART_BYTES, PARTS_UNDER_WAY};

/// Gets the list, and then every file that is on it.
pub(crate) async fn get(bucket: &Bucket, directory: &Path) -> Result<(), BucketError> {
    let key = bucket.key(NAME);
    let missing = "there is no snapshot: the address is another, or it was never finished";
    let found = bucket.store.head(&key).await.map_err(|error| match error {
        Error::NotFound { .. } => bucket.failed("", &missing),
        error => bucket.refused(NAME, &error),
    })?;
    if found.size > BYTES_MAX {
        return Err(
            bucket.failed(NAME, &format_args!("{} bytes are too many for a list of files", found.size))
        );
    }
    let refused = |error: Error| bucket.refused(NAME, &error);
    // Nothing cannot be asked for.
    let json = match found.size {
        0 => Bytes::new(),
        size => bucket.store.get_range(&key, 0..size).await.map_err(refused)?,
    };
    let manifest = Manifest::read(&json).map_err(|reason| bucket.failed(NAME, &reason))?;
    for file in &manifest.files {
        get_file(bucket, &manifest.beneath, directory, file).await?;
    }
    // What was made is there when the power fails, under its name.
    for made in manifest.directories() {
        let synced = async { File::open(directory.join(made)).await?.sync_all().await };
        synced.await.map_err(|error| bucket.failed(made, &format_args!("it cannot be written: {error}")))?;
    }
    Ok(())
}

/// Gets one file, and compares it with what is listed.
async fn get_file(
    bucket: &Bucket,
    beneath: &str,
    directory: &Path,
    listed: &Listed,
) -> Result<(), BucketError> {
    let name = listed.name.as_str();
    let unwritable =
        |error: std::io::Error| bucket.failed(name, &format_args!("it cannot be written: {error}"));
    let damaged = |what: std::fmt::Arguments<'_>| {
        bucket.failed(name, &format_args!("it is not what was stored ({what}): restore another snapshot"))
    };
    let key = bucket.key_beneath(beneath, name);
    let refused = |error: Error| match error {
        Error::NotFound { .. } => damaged(format_args!("it is missing")),
        error => bucket.refused(name, &error),
    };
    let size = bucket.store.head(&key).await.map_err(refused)?.size;
    if size != listed.bytes {
        return Err(damaged(format_args!("{size} bytes instead of {}", listed.bytes)));
    }
    let path = directory.join(name);
    if let Some(parent) = path.parent() {
        tokio::fs::create_dir_all(parent).await.map_err(unwritable)?;
    }
    let mut file = File::create_new(&path).await.map_err(unwritable)?;
    let mut checksum = Checksum::default();
    let parts = stream::iter(ranges(size)).map(|range| bucket.store.get_range(&key, range));
    let mut parts = std::pin::pin!(parts.buffered(PARTS_UNDER_WAY));
    while let Some(part) = parts.next().await {
        let part = part.map_err(refused)?;
        checksum.update(&part);
        file.write_all(&part).await.map_err(unwritable)?;
    }
    let told = checksum.told();
    if told != listed.sha256 {
        return Err(damaged(format_args!("SHA-256 {told} instead of {}", listed.sha256)));
    }
    file.sync_all().await.map_err(unwritable)
}

/// What is fetched at once.
fn ranges(size: u64) -> impl Iterator<Item = Range<u64>> {
    (0..size).step_by(PART_BYTES).map(move |start| start..size.min(start + PART_BYTES as u64))
}
