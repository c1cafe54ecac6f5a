//! Snapshots of directories in object stores. An upload is complete or does not exist.
//!
//! Files are uploaded one by one under a unique prefix, and then the [`manifest`] with their sizes and checksums. Without a
//! manifest there is no snapshot, so an interrupted upload is never restored. Downloaded files are compared with the
//! manifest. Files are streamed: memory holds a few parts, however large the files are. The crate does
//! not depend on the format of indexes.

mod address;
mod download;
mod manifest;
mod upload;

use std::path::Path;
use std::sync::Arc;

use object_store::path::Path as Key;
use object_store::{Error, ObjectStore};

pub use address::{Provider, is_address};

/// Size in bytes of the parts in which files are transferred, one request each.
const PART_BYTES: usize = 8 << 20;
/// Number of parts of a file that are transferred concurrently.
const CONCURRENT_PARTS: usize = 4;

/// Error of an upload or download. Its message has the address, file, cause and remedy.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BucketError(String);

/// Location of a snapshot in an object store.
#[derive(Clone, Debug)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: Key,
    address: String,
    provider: Provider,
}

impl Bucket {
    /// Opens an address: `s3://bucket/prefix`, `gs://…`, `az://…` or `file:///…`. Credentials are read from the environment
    /// variables of the provider's own tools.
    ///
    /// # Errors
    /// When the address is invalid, or a required environment variable is missing.
    pub fn open(address: &str) -> Result<Self, BucketError> {
        let (store, prefix, provider) =
            address::open(address).map_err(|reason| BucketError(format!("{address}: {reason}")))?;
        Ok(Self::with_store(store, prefix, address, provider))
    }

    /// A location in an open store. `address` and `provider` are used in error messages.
    pub fn with_store(store: Arc<dyn ObjectStore>, prefix: Key, address: &str, provider: Provider) -> Self {
        Self { store, prefix, address: address.to_owned(), provider }
    }

    /// Uploads the files of a directory. Blocks the thread, which must not be one of a Tokio runtime.
    ///
    /// # Errors
    /// When a snapshot exists already, a file cannot be read, or the store rejects a request. No snapshot is created then.
    /// Only if the answer to the last request is lost, which creates the manifest, is it unknown whether one was created.
    pub fn upload(&self, directory: &Path) -> Result<(), BucketError> {
        self.block_on(upload::upload(self, directory))
    }

    /// Downloads the snapshot into an existing, empty directory. Blocks the thread, which must not be one of a Tokio runtime.
    ///
    /// # Errors
    /// When there is no snapshot, a file is missing or damaged, the store rejects a request, or the directory cannot be
    /// written. The directory may be incomplete then.
    pub fn download(&self, directory: &Path) -> Result<(), BucketError> {
        self.block_on(download::download(self, directory))
    }

    /// Runs a future on a new runtime of the calling thread.
    fn block_on<T>(&self, work: impl Future<Output = Result<T, BucketError>>) -> Result<T, BucketError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| self.error("", &error))?;
        runtime.block_on(work)
    }

    /// Key of an object directly under the prefix.
    fn key(&self, name: &str) -> Key {
        self.prefix.clone().join(name)
    }

    /// Key of a file of a snapshot: `name`, its path in the directory, under the unique prefix of the upload.
    fn file_key(&self, files_prefix: &str, name: &str) -> Key {
        name.split('/').fold(self.key(files_prefix), |key, part| key.join(part))
    }

    /// An error about a file, or with an empty name about the snapshot.
    fn error(&self, name: &str, reason: &dyn std::fmt::Display) -> BucketError {
        let name = if name.is_empty() { String::new() } else { format!("{name}: ") };
        BucketError(format!("{}: {name}{reason}", self.address))
    }

    /// An error that the store returned, with a hint.
    fn store_error(&self, name: &str, error: &Error) -> BucketError {
        // Stores wrap causes repeatedly; texts that are contained in an earlier one are left out.
        let mut cause: &dyn std::error::Error = error;
        let mut texts = vec![error.to_string()];
        while let Some(source) = cause.source() {
            cause = source;
            let text = cause.to_string();
            if texts.iter().all(|earlier| !earlier.contains(&text)) {
                texts.push(text);
            }
        }
        let hint = match error {
            Error::NotFound { .. } if self.provider != Provider::File => {
                "; does the bucket exist?".to_owned()
            }
            _ => self.provider.hint(),
        };
        self.error(name, &format_args!("{}{hint}", texts.join(": ")))
    }
}
