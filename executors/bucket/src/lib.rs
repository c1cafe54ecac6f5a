//! Directories in the buckets of object stores: put there, and got back whole or not at all.
//!
//! A directory is put file by file, beneath a name of its own, and last the list of its files with their sizes and checksums
//! ([`manifest`]). Without the list there is no snapshot, so that one that was interrupted is never taken for whole. What is
//! got back is compared with the list. Files are streamed in both directions: what is held in memory is a few parts,
//! however large they are. What is deliberately not here: indexes, of which this crate knows nothing.

mod address;
mod get;
mod manifest;
mod put;

use std::path::Path;
use std::sync::Arc;

use object_store::path::Path as Key;
use object_store::{Error, ObjectStore};

pub use address::{Kind, is_address};

/// Bytes that are sent and fetched at once.
const PART_BYTES: usize = 8 << 20;
/// Parts that are under way together.
const PARTS_UNDER_WAY: usize = 4;

/// Why a directory could not be put or got: address, key, cause, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BucketError(String);

/// A place in an object store where a directory is, or will be.
#[derive(Clone, Debug)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: Key,
    address: String,
    kind: Kind,
}

impl Bucket {
    /// The place that an address names: `s3://bucket/prefix`, `gs://…`, `az://…` or `file:///…`. How to get in is in the
    /// environment, under the names that each provider's own programs read.
    ///
    /// # Errors
    /// When it names none, or the environment says too little.
    pub fn open(address: &str) -> Result<Self, BucketError> {
        let (store, prefix, kind) =
            address::open(address).map_err(|reason| BucketError(format!("{address}: {reason}")))?;
        Ok(Self::of(store, prefix, address, kind))
    }

    /// A place in a store that is open.
    pub fn of(store: Arc<dyn ObjectStore>, prefix: Key, address: &str, kind: Kind) -> Self {
        Self { store, prefix, address: address.to_owned(), kind }
    }

    /// Puts the files of a directory there.
    ///
    /// # Errors
    /// When something is there already, a file cannot be read, or the store refuses one. Then there is no snapshot.
    pub fn put(&self, directory: &Path) -> Result<(), BucketError> {
        self.wait_for(put::put(self, directory))
    }

    /// Gets the files that are there into a directory that is there and empty.
    ///
    /// # Errors
    /// When there is no snapshot, or a file is not what was put. Then the directory is not whole.
    pub fn get(&self, directory: &Path) -> Result<(), BucketError> {
        self.wait_for(get::get(self, directory))
    }

    /// Does something with the store, and waits for it on this thread.
    fn wait_for<T>(&self, work: impl Future<Output = Result<T, BucketError>>) -> Result<T, BucketError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| self.failed("", &error))?;
        runtime.block_on(work)
    }

    /// The key of something with a name of one part.
    fn key(&self, name: &str) -> Key {
        self.prefix.clone().join(name)
    }

    /// The key of a file of a snapshot.
    fn key_beneath(&self, beneath: &str, name: &str) -> Key {
        name.split('/').fold(self.key(beneath), |key, part| key.join(part))
    }

    /// What to say of a failure that is not the store's.
    fn failed(&self, name: &str, reason: &dyn std::fmt::Display) -> BucketError {
        let name = if name.is_empty() { String::new() } else { format!("{name}: ") };
        BucketError(format!("{}: {name}{reason}", self.address))
    }

    /// What to say when the store does not do what it is asked for.
    fn refused(&self, name: &str, error: &Error) -> BucketError {
        // Stores wrap the cause in sentences; the innermost says it.
        let mut cause: &dyn std::error::Error = error;
        let mut told = vec![error.to_string()];
        while let Some(source) = cause.source() {
            cause = source;
            let text = cause.to_string();
            if told.iter().all(|told| !told.contains(&text)) {
                told.push(text);
            }
        }
        let hint = match error {
            Error::NotFound { .. } if self.kind != Kind::File => "; is there such a bucket?".to_owned(),
            _ => self.kind.hint(),
        };
        self.failed(name, &format_args!("{}{hint}", told.join(": ")))
    }
}
