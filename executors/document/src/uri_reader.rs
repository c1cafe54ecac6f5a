//! `UriReader`: reads what the URIs of documents lead to: paths, `file:` and `data:` URIs.
//!
//! It understands nothing of what it reads; decoders come behind it. Several files of a call are read at a time, on
//! the threads that Tokio keeps for work that blocks, so it needs a Tokio runtime around it.

use std::collections::{BTreeSet, HashMap};

use flowrun_sdk::{
    AccessPaths, AsyncExecutor, Build, BuildError, Bytes, Call, Document, ErrorKind, ExecutorError,
    ExecutorType, Instance, async_trait, guard, parse_parameters,
};
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinSet};

use crate::media_type;

flowrun_sdk::parameters! {
    /// What is read, and how much of it.
    pub(crate) struct UriReaderParameters {
        /// The documents whose URIs are read.
        access_paths: AccessPaths = AccessPaths::roots(),
        /// The largest content that is read for a document, in bytes.
        bytes_max: u64 = guard::CONTENT_BYTES_MAX,
    }
}

pub(crate) const TYPE: ExecutorType = ExecutorType::new::<UriReaderParameters>(
    "UriReader",
    "Reads the content that each document's `uri` leads to into its `blob`.",
    create,
);

/// How many files of one call are read at a time: enough to keep a disk busy, too few to use up Tokio's threads.
const READS_MAX: usize = 16;

/// What became of reading each URI. A URI that several documents name is read once.
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
    /// Reads every URI, some at a time.
    async fn read(&self, uris: BTreeSet<String>, call: &Call<'_>) -> Result<Contents, ExecutorError> {
        let mut contents = Contents::with_capacity(uris.len());
        if uris.is_empty() {
            return Ok(contents);
        }
        if Handle::try_current().is_err() {
            return Err(ExecutorError::new(
                ErrorKind::Internal,
                "there is no Tokio runtime to read files on",
            ));
        }
        let (bytes_max, budget) = (self.0.bytes_max, call.budget());
        let mut reads = JoinSet::new();
        for uri in uris {
            // Dropping the set, as giving up does, keeps reads that have not begun from beginning.
            call.check()?;
            if reads.len() >= READS_MAX {
                contents.extend(reads.join_next().await.transpose().map_err(unfinished)?);
            }
            let budget = budget.clone();
            reads.spawn_blocking(move || {
                let content = guard::read_uri_within_budget(&uri, bytes_max, &budget);
                (uri, content)
            });
        }
        while let Some(read) = reads.join_next().await {
            contents.extend([read.map_err(unfinished)?]);
        }
        Ok(contents)
    }
}

/// Whether there is something to read. Bytes that a client sent along are the content; the URI is then but a name.
fn is_unread(document: &Document) -> bool {
    document.blob.is_none() && !document.uri.is_empty()
}

/// Gives a document what its URI led to. One without a URI passes: requests to delete hold but ids.
fn fill(document: &mut Document, contents: &Contents) -> Result<(), ExecutorError> {
    if is_unread(document)
        && let Some(content) = contents.get(&document.uri)
    {
        document.blob = Some(content.clone()?);
        if document.mime_type.is_empty() {
            document.mime_type = media_type::of_uri(&document.uri).unwrap_or_default();
        }
    }
    Ok(())
}

fn unfinished(error: JoinError) -> ExecutorError {
    ExecutorError::new(ErrorKind::Internal, format_args!("reading did not come to an end: {error}"))
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    parse_parameters(build).map(UriReader).map(Instance::new_async)
}
