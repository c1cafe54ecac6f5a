//! Uploads a directory to a bucket.

use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use object_store::{Error, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, WriteMultipart};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use crate::manifest::{Checksum, FileEntry, Manifest, NAME};
use crate::{Bucket, BucketError, CONCURRENT_PARTS, PART_BYTES};

/// Largest number of parts of a multipart upload that all stores support.
const PARTS_MAX: u64 = 10_000;

/// Uploads every file and then the manifest. Errors are those of [`Bucket::upload`].
pub(crate) async fn upload(bucket: &Bucket, directory: &Path) -> Result<(), BucketError> {
    let taken = "a snapshot already exists: name another prefix";
    match bucket.store.head(&bucket.key(NAME)).await {
        Ok(_) => return Err(bucket.error("", &taken)),
        Err(Error::NotFound { .. }) => {}
        Err(error) => return Err(bucket.store_error(NAME, &error)),
    }
    let mut names = Vec::new();
    collect_files(directory, "", &mut names)
        .map_err(|(path, error)| bucket.error("", &format_args!("{}: {error}", path.display())))?;
    names.sort();
    // Concurrent uploads to one address must not overwrite each other's files.
    let files_prefix = format!("files-{:016x}", RandomState::new().hash_one(std::process::id()));
    let mut files = Vec::with_capacity(names.len());
    for name in names {
        match upload_file(bucket, &files_prefix, directory, name).await {
            Ok(file) => files.push(file),
            Err(error) => {
                remove(bucket, &files_prefix, &files).await;
                return Err(error);
            }
        }
    }
    let manifest = Manifest::new(files_prefix, files);
    if upload_manifest(bucket, &manifest).await? {
        return Ok(());
    }
    remove(bucket, &manifest.files_prefix, &manifest.files).await;
    Err(bucket.error("", &taken))
}

/// Uploads the manifest; `false` when a concurrent upload created one first. Stores with conditional writes decide
/// atomically. On an error it is unknown whether the manifest was created, so the files are not removed.
async fn upload_manifest(bucket: &Bucket, manifest: &Manifest) -> Result<bool, BucketError> {
    let json = serde_json::to_vec_pretty(manifest).map_err(|error| bucket.error(NAME, &error))?;
    let (key, json) = (bucket.key(NAME), Bytes::from(json));
    let created = bucket.store.put_opts(&key, json.clone().into(), PutOptions::from(PutMode::Create)).await;
    match created {
        Ok(_) => Ok(true),
        // It may be this manifest: the response to a first attempt can be lost.
        Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
            let existing = bucket.store.get_range(&key, 0..json.len() as u64).await;
            existing.map(|existing| existing == json).map_err(|error| bucket.store_error(NAME, &error))
        }
        Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => {
            let put = bucket.store.put(&key, json.into()).await;
            put.map(|_| true).map_err(|error| bucket.store_error(NAME, &error))
        }
        Err(error) => Err(bucket.store_error(NAME, &error)),
    }
}

/// Removes the files of a failed upload. If this fails too, they only waste space.
async fn remove(bucket: &Bucket, files_prefix: &str, files: &[FileEntry]) {
    for file in files {
        let _ = bucket.store.delete(&bucket.file_key(files_prefix, &file.name)).await;
    }
}

/// Adds the paths of all files in a directory to `names`, each after `parent`, the path of the directory relative to the
/// top directory. The error has the path that it is about.
fn collect_files(
    directory: &Path,
    parent: &str,
    names: &mut Vec<String>,
) -> Result<(), (PathBuf, std::io::Error)> {
    let here = |error: std::io::Error| (directory.to_owned(), error);
    for entry in std::fs::read_dir(directory).map_err(here)? {
        let entry = entry.map_err(here)?;
        let failed = |error: std::io::Error| (entry.path(), error);
        let name = entry.file_name();
        let name = name.to_str().ok_or_else(|| failed(std::io::Error::other("its name is not UTF-8")))?;
        let name = if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") };
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            collect_files(&entry.path(), &name, names)?;
        } else if kind.is_file() {
            names.push(name);
        } else {
            return Err(failed(std::io::Error::other("it is neither a file nor a directory")));
        }
    }
    Ok(())
}

/// Uploads one file, in parts unless it is smaller than one.
async fn upload_file(
    bucket: &Bucket,
    files_prefix: &str,
    directory: &Path,
    name: String,
) -> Result<FileEntry, BucketError> {
    let unreadable = |error: std::io::Error| bucket.error(&name, &format_args!("it cannot be read: {error}"));
    let store_error = |error: Error| bucket.store_error(&name, &error);
    let mut file = File::open(directory.join(&name)).await.map_err(unreadable)?;
    let mut checksum = Checksum::default();
    let mut bytes: u64 = 0;
    let part_bytes = part_bytes(file.metadata().await.map_err(unreadable)?.len());
    let mut part = read_part(&mut file, part_bytes).await.map_err(unreadable)?;
    let key = bucket.file_key(files_prefix, &name);
    if part.len() < part_bytes {
        checksum.update(&part);
        bytes += part.len() as u64;
        bucket.store.put(&key, PutPayload::from(part)).await.map_err(store_error)?;
        return Ok(FileEntry { name, bytes, sha256: checksum.hex() });
    }
    let upload = bucket.store.put_multipart(&key).await.map_err(store_error)?;
    let mut upload = WriteMultipart::new_with_chunk_size(upload, part_bytes);
    let sent: Result<(), BucketError> = async {
        while !part.is_empty() {
            checksum.update(&part);
            bytes += part.len() as u64;
            upload.wait_for_capacity(CONCURRENT_PARTS).await.map_err(store_error)?;
            upload.put(part);
            part = read_part(&mut file, part_bytes).await.map_err(unreadable)?;
        }
        Ok(())
    }
    .await;
    if let Err(error) = sent {
        // Parts of an unfinished upload cost money. If aborting fails too, the original error is reported.
        let _ = upload.abort().await;
        return Err(error);
    }
    upload.finish().await.map_err(store_error)?;
    Ok(FileEntry { name, bytes, sha256: checksum.hex() })
}

/// Part size for a file of `bytes` bytes, so that it has at most [`PARTS_MAX`] parts.
fn part_bytes(bytes: u64) -> usize {
    usize::try_from(bytes.div_ceil(PARTS_MAX)).unwrap_or(usize::MAX).max(PART_BYTES)
}

/// Reads the next part of a file, which is shorter only at the end of the file.
async fn read_part(file: &mut File, part_bytes: usize) -> std::io::Result<Bytes> {
    let mut part = Vec::with_capacity(part_bytes);
    file.take(part_bytes as u64).read_to_end(&mut part).await?;
    Ok(part.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_at_most_the_supported_number_of_parts() {
        assert_eq!([0, 1, PART_BYTES as u64 * PARTS_MAX].map(part_bytes), [PART_BYTES; 3]);
        for bytes in [PART_BYTES as u64 * PARTS_MAX + 1, 5 << 40] {
            assert!(bytes.div_ceil(part_bytes(bytes) as u64) <= PARTS_MAX);
        }
    }
}
