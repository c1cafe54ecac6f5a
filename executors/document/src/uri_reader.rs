//! `UriReader`: reads the content of the URIs of documents: paths, `file:` and `data:` URIs.
//!
//! It does not decode the content; later pods do. Several files of a call are read concurrently, on Tokio's blocking
//! threads, so it needs a Tokio runtime.

use std::collections::{BTreeSet, HashMap};

use flowrun_sdk::{
    AccessPaths, AsyncExecutor, Build, BuildError, Bytes, Call, Document, ErrorKind, ExecutorError,
    ExecutorType, Instance, async_trait, guard, parse_parameters,
};
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinSet};

use crate::media_type::media_type_of_uri;

flowrun_sdk::parameters! {
    /// The parameters of `UriReader`.
    pub(crate) struct UriReaderParameters {
        /// Documents whose URIs are read.
        access_paths: AccessPaths = AccessPaths::roots(),
        /// Largest content of a document, in bytes.
        bytes_max: u64 = guard::CONTENT_BYTES_MAX,
    }
}

pub(crate) const TYPE: ExecutorType = ExecutorType::new::<UriReaderParameters>(
    "UriReader",
    "Reads the content of each document's `uri` into its `blob`.",
    create,
);

/// Largest number of files of one call that are read concurrently: enough to keep a disk busy, and few compared with the
/// 512 blocking threads of Tokio, which calls share.
const READS_MAX: usize = 16;

/// Content or error by URI. A URI that occurs repeatedly is read once.
type Contents = HashMap<String, Result<Bytes, ExecutorError>>;

struct UriReader(UriReaderParameters);

#[async_trait]
impl AsyncExecutor for UriReader {
    async fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.0.access_paths)?;
        let mut uris = BTreeSet::new();
        call.for_each_ref(&paths, |document| {
            if is_unread(document) {
                uris.insert(document.uri.clone());
            }
            Ok(())
        })?;
        let contents = self.read(uris, call).await?;
        call.for_each(&paths, |document| fill(document, &contents))
    }
}

impl UriReader {
    /// Reads all URIs, up to [`READS_MAX`] concurrently.
    async fn read(&self, uris: BTreeSet<String>, call: &Call<'_>) -> Result<Contents, ExecutorError> {
        let mut contents = Contents::with_capacity(uris.len());
        if uris.is_empty() {
            return Ok(contents);
        }
        if Handle::try_current().is_err() {
            return Err(ExecutorError::new(
                ErrorKind::Internal,
                "files cannot be read without a Tokio runtime",
            ));
        }
        let (bytes_max, budget) = (self.0.bytes_max, call.budget());
        let mut reads = JoinSet::new();
        for uri in uris {
            // On cancellation the set is dropped, which prevents reads that have not started.
            call.check()?;
            if reads.len() >= READS_MAX {
                contents.extend(reads.join_next().await.transpose().map_err(read_panicked)?);
            }
            let budget = budget.clone();
            reads.spawn_blocking(move || {
                let content = guard::read_uri_within_budget(&uri, bytes_max, &budget);
                (uri, content)
            });
        }
        while let Some(read) = reads.join_next().await {
            contents.extend([read.map_err(read_panicked)?]);
        }
        Ok(contents)
    }
}

/// True if the URI must be read. If a client sent bytes, they are the content and the URI is only a name.
fn is_unread(document: &Document) -> bool {
    document.blob.is_none() && !document.uri.is_empty()
}

/// Sets the content of a document. Documents with bytes, and documents without a URI (such as those of delete requests)
/// are unchanged.
fn fill(document: &mut Document, contents: &Contents) -> Result<(), ExecutorError> {
    if is_unread(document)
        && let Some(content) = contents.get(&document.uri)
    {
        document.blob = Some(content.clone()?);
        if document.mime_type.is_empty() {
            document.mime_type = media_type_of_uri(&document.uri).unwrap_or_default();
        }
    }
    Ok(())
}

fn read_panicked(error: JoinError) -> ExecutorError {
    ExecutorError::new(ErrorKind::Internal, format_args!("reading a file failed: {error}"))
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    parse_parameters(build).map(UriReader).map(Instance::new_async)
}
