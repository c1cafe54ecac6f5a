//! From a directory into a bucket.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use object_store::{Error, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, WriteMultipart};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use crate::manifest::{Checksum, Listed, Manifest, NAME};
use crate::{Bucket, BucketError, PART_BYTES, PARTS_UNDER_WAY};

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
    let mut files = Vec::with_capacity(names.len());
    for name in names {
        files.push(put_file(bucket, directory, name).await?);
    }
    let json =
        serde_json::to_vec_pretty(&Manifest::new(files)).map_err(|error| bucket.failed(NAME, &error))?;
    // Two may have looked at the same time; the store decides, if it is one that can.
    let (key, json) = (bucket.key(NAME), Bytes::from(json));
    let created = bucket.store.put_opts(&key, json.clone().into(), PutOptions::from(PutMode::Create)).await;
    match created {
        Ok(_) => Ok(()),
        Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Err(bucket.failed("", &taken)),
        Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => {
            bucket.store.put(&key, json.into()).await.map(drop).map_err(|error| bucket.refused(NAME, &error))
        }
        Err(error) => Err(bucket.refused(NAME, &error)),
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
async fn put_file(bucket: &Bucket, directory: &Path, name: String) -> Result<Listed, BucketError> {
    let unreadable =
        |error: std::io::Error| bucket.failed(&name, &format_args!("it cannot be read: {error}"));
    let refused = |error: Error| bucket.refused(&name, &error);
    let mut file = File::open(directory.join(&name)).await.map_err(unreadable)?;
    let mut checksum = Checksum::default();
    let mut bytes: u64 = 0;
    let mut part = read_part(&mut file).await.map_err(unreadable)?;
    let key = bucket.key(&name);
    if part.len() < PART_BYTES {
        checksum.update(&part);
        bytes += part.len() as u64;
        bucket.store.put(&key, PutPayload::from(part)).await.map_err(refused)?;
        return Ok(Listed { name, bytes, sha256: checksum.told() });
    }
    let upload = bucket.store.put_multipart(&key).await.map_err(refused)?;
    let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
    let sent: Result<(), BucketError> = async {
        while !part.is_empty() {
            checksum.update(&part);
            bytes += part.len() as u64;
            upload.wait_for_capacity(PARTS_UNDER_WAY).await.map_err(refused)?;
            upload.put(part);
            part = read_part(&mut file).await.map_err(unreadable)?;
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

/// The next part of a file; less only at its end.
async fn read_part(file: &mut File) -> std::io::Result<Bytes> {
    let mut part = Vec::with_capacity(PART_BYTES);
    file.take(PART_BYTES as u64).read_to_end(&mut part).await?;
    Ok(part.into())
}
