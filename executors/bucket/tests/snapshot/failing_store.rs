//! An object store whose connection fails after a number of uploads.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path as Key;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

/// Accepts `allowed` payloads; further ones fail.
#[derive(Debug)]
pub(crate) struct FailingStore {
    store: Arc<InMemory>,
    /// Payloads that are still accepted.
    left: Arc<AtomicUsize>,
    /// Multipart uploads that are neither completed nor aborted.
    unfinished: Arc<AtomicUsize>,
}

impl FailingStore {
    pub(crate) fn new(store: Arc<InMemory>, allowed: usize) -> Self {
        Self { store, left: Arc::new(AtomicUsize::new(allowed)), unfinished: Arc::default() }
    }

    /// Multipart uploads that were started, but neither completed nor aborted.
    pub(crate) fn unfinished(&self) -> usize {
        self.unfinished.load(SeqCst)
    }
}

/// Counts an uploaded payload; fails if none is left.
fn spend(left: &AtomicUsize) -> Result<()> {
    let spent = left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
    spent.map(drop).map_err(|_| Error::Generic { store: "S3", source: "the connection is lost".into() })
}

impl fmt::Display for FailingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failing")
    }
}

#[async_trait]
impl ObjectStore for FailingStore {
    async fn put_opts(&self, key: &Key, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        spend(&self.left)?;
        self.store.put_opts(key, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        key: &Key,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.store.put_multipart_opts(key, options).await?;
        self.unfinished.fetch_add(1, SeqCst);
        Ok(Box::new(FailingUpload {
            upload,
            left: Arc::clone(&self.left),
            unfinished: Arc::clone(&self.unfinished),
        }))
    }

    async fn get_opts(&self, key: &Key, options: GetOptions) -> Result<GetResult> {
        self.store.get_opts(key, options).await
    }

    async fn get_ranges(&self, key: &Key, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.store.get_ranges(key, ranges).await
    }

    fn delete_stream(&self, keys: BoxStream<'static, Result<Key>>) -> BoxStream<'static, Result<Key>> {
        self.store.delete_stream(keys)
    }

    fn list(&self, prefix: Option<&Key>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Key>) -> Result<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, options).await
    }
}

/// A multipart upload to a [`FailingStore`].
#[derive(Debug)]
struct FailingUpload {
    upload: Box<dyn MultipartUpload>,
    left: Arc<AtomicUsize>,
    unfinished: Arc<AtomicUsize>,
}

#[async_trait]
impl MultipartUpload for FailingUpload {
    fn put_part(&mut self, payload: PutPayload) -> UploadPart {
        match spend(&self.left) {
            Ok(()) => self.upload.put_part(payload),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.unfinished.fetch_sub(1, SeqCst);
        self.upload.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.unfinished.fetch_sub(1, SeqCst);
        self.upload.abort().await
    }
}
