//! From a directory into a bucket.

use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use object_store::{Error, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, WriteMultipart};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use crate::manifest::{Checksum, Listed, Manifest, NAME};
use crate::{Bucket, BucketError, PART_BYTES, PARTS_UNDER_WAY};

/// The most parts of a file that the stores take.
const PARTS_MAX: u64 = 10_000;

/// Puts every file, and then the list of them.
pub(crate) async fn put(bucket: &Bucket, directory: &Path) -> Result<(), BucketError> {
    let taken = "there is a snapshot already: name another prefix";
    match bucket.store.head(&bucket.key(NAME)).await {
        Ok(_) => return Err(bucket.failed("", &taken)),
        Err(Error::NotFound { .. }) => {}
        Err(error) => return Err(bucket.refused(NAME, &error)),
    }
    let mut names = Vec::new();
    look_for_files(directory, "", &mut names)
        .map_err(|(path, error)| bucket.failed("", &format_args!("{}: {error}", path.display())))?;
    names.sort();
    // Two may be at it at the same time: neither overwrites what the other lists.
    let beneath = format!("files-{:016x}", RandomState::new().hash_one(std::process::id()));
    let mut files = Vec::with_capacity(names.len());
    for name in names {
        match put_file(bucket, &beneath, directory, name).await {
            Ok(file) => files.push(file),
            Err(error) => {
                remove(bucket, &beneath, &files).await;
                return Err(error);
            }
        }
    }
    let manifest = Manifest::new(beneath, files);
    if put_list(bucket, &manifest).await? {
        return Ok(());
    }
    remove(bucket, &manifest.beneath, &manifest.files).await;
    Err(bucket.failed("", &taken))
}

/// Puts the list of files; says whether it is the list now, or somebody else put one meanwhile. The store decides, if it is
/// one that can. Where that cannot be told, the files stay.
async fn put_list(bucket: &Bucket, manifest: &Manifest) -> Result<bool, BucketError> {
    let json = serde_json::to_vec_pretty(manifest).map_err(|error| bucket.failed(NAME, &error))?;
    let (key, json) = (bucket.key(NAME), Bytes::from(json));
    let created = bucket.store.put_opts(&key, json.clone().into(), PutOptions::from(PutMode::Create)).await;
    match created {
        Ok(_) => Ok(true),
        // It may be this one: the answer to a first attempt can be lost.
        Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
            let there = bucket.store.get_range(&key, 0..json.len() as u64).await;
            there.map(|there| there == json).map_err(|error| bucket.refused(NAME, &error))
        }
        Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => {
            let put = bucket.store.put(&key, json.into()).await;
            put.map(|_| true).map_err(|error| bucket.refused(NAME, &error))
        }
        Err(error) => Err(bucket.refused(NAME, &error)),
    }
}

/// Removes files that belong to no snapshot. Where that fails too, they take room and are in nobody's way.
async fn remove(bucket: &Bucket, beneath: &str, files: &[Listed]) {
    for file in files {
        let _ = bucket.store.delete(&bucket.key_beneath(beneath, &file.name)).await;
    }
}

/// The names of all files beneath a directory.
fn look_for_files(
    directory: &Path,
    above: &str,
    names: &mut Vec<String>,
) -> Result<(), (PathBuf, std::io::Error)> {
    let here = |error: std::io::Error| (directory.to_owned(), error);
    for entry in std::fs::read_dir(directory).map_err(here)? {
        let entry = entry.map_err(here)?;
        let failed = |error: std::io::Error| (entry.path(), error);
        let name = entry.file_name();
        let name = name.to_str().ok_or_else(|| failed(std::io::Error::other("its name is no text")))?;
        let name = if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") };
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            look_for_files(&entry.path(), &name, names)?;
        } else if kind.is_file() {
            names.push(name);
        } else {
            return Err(failed(std::io::Error::other("it is neither a file nor a directory")));
        }
    }
    Ok(())
}

/// Puts one file, in parts when it has several.
async fn put_file(
    bucket: &Bucket,
    beneath: &str,
    directory: &Path,
    name: String,
) -> Result<Listed, BucketError> {
    let unreadable =
        |error: std::io::Error| bucket.failed(&name, &format_args!("it cannot be read: {error}"));
    let refused = |error: Error| bucket.refused(&name, &error);
    let mut file = File::open(directory.join(&name)).await.map_err(unreadable)?;
    let mut checksum = Checksum::default();
    let mut bytes: u64 = 0;
    let part_bytes = part_bytes(file.metadata().await.map_err(unreadable)?.len());
    let mut part = read_part(&mut file, part_bytes).await.map_err(unreadable)?;
    let key = bucket.key_beneath(beneath, &name);
    if part.len() < part_bytes {
        checksum.update(&part);
        bytes += part.len() as u64;
        bucket.store.put(&key, PutPayload::from(part)).await.map_err(refused)?;
        return Ok(Listed { name, bytes, sha256: checksum.told() });
    }
    let upload = bucket.store.put_multipart(&key).await.map_err(refused)?;
    let mut upload = WriteMultipart::new_with_chunk_size(upload, part_bytes);
    let sent: Result<(), BucketError> = async {
        while !part.is_empty() {
            checksum.update(&part);
            bytes += part.len() as u64;
            upload.wait_for_capacity(PARTS_UNDER_WAY).await.map_err(refused)?;
            upload.put(part);
            part = read_part(&mut file, part_bytes).await.map_err(unreadable)?;
        }
        Ok(())
    }
    .await;
    if let Err(error) = sent {
        // Parts of what is never finished cost money; if this fails too, there is nothing more to do.
        let _ = upload.abort().await;
        return Err(error);
    }
    upload.finish().await.map_err(refused)?;
    Ok(Listed { name, bytes, sha256: checksum.told() })
}

/// How large the parts of a file of so many bytes are: stores take only so many of one.
fn part_bytes(bytes: u64) -> usize {
    usize::try_from(bytes.div_ceil(PARTS_MAX)).unwrap_or(usize::MAX).max(PART_BYTES)
}

/// The next part of a file; less only at its end.
async fn read_part(file: &mut File, part_bytes: usize) -> std::io::Result<Bytes> {
    let mut part = Vec::with_capacity(part_bytes);
    file.take(part_bytes as u64).read_to_end(&mut part).await?;
    Ok(part.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_has_more_parts_than_a_store_takes() {
        assert_eq!([0, 1, PART_BYTES as u64 * PARTS_MAX].map(part_bytes), [PART_BYTES; 3]);
        for bytes in [PART_BYTES as u64 * PARTS_MAX + 1, 5 << 40] {
            assert!(bytes.div_ceil(part_bytes(bytes) as u64) <= PARTS_MAX);
        }
    }
}
