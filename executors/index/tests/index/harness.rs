//! Helpers: opens executors in a directory and calls them.

use std::path::Path;

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Answer, BuildError, Context, Document, ExecutorError, ExecutorType, Value};

/// The documents of a call without documents.
pub(crate) const NO_DOCUMENTS: Vec<Document> = Vec::new();

/// A temporary directory, on tmpfs if possible: many tests sync often, and none needs a real disk.
pub(crate) fn directory() -> tempfile::TempDir {
    let in_memory = tempfile::tempdir_in("/dev/shm");
    in_memory.or_else(|_| tempfile::tempdir()).unwrap()
}

pub(crate) fn executor_type(name: &str) -> &'static ExecutorType {
    flowrun_index::EXECUTORS.iter().find(|executor| executor.name == name).unwrap()
}

/// Context of one shard. Its directory is `base/SHARD`.
pub(crate) fn shard_context(base: &Path, shard: usize, shards: usize) -> Context {
    Context { shard, shards, ..Context::standalone(base.join(shard.to_string())) }
}

pub(crate) fn try_open(base: &Path, name: &str, with: &Value) -> Result<ExecutorHarness, BuildError> {
    ExecutorHarness::new(executor_type(name), with, shard_context(base, 0, 1))
}

pub(crate) fn open(base: &Path, name: &str, with: &Value) -> ExecutorHarness {
    try_open(base, name, with).unwrap()
}

/// Opens all shards of an index, as the start of a flow does.
pub(crate) fn open_shards(base: &Path, name: &str, with: &Value, shards: usize) -> Vec<ExecutorHarness> {
    let open = |shard| ExecutorHarness::new(executor_type(name), with, shard_context(base, shard, shards));
    (0..shards).map(|shard| open(shard).unwrap()).collect()
}

/// The error of an executor that cannot be opened.
pub(crate) fn open_error(base: &Path, name: &str, with: &Value) -> String {
    match try_open(base, name, with) {
        Ok(_) => panic!("{with} was accepted"),
        Err(error) => error.to_string(),
    }
}

/// Calls without parameters; the call must succeed.
pub(crate) fn call(executor: &mut ExecutorHarness, endpoint: &str, documents: Vec<Document>) -> Answer {
    executor.call(endpoint, documents, &Value::Null).unwrap()
}

pub(crate) fn call_with(
    executor: &mut ExecutorHarness,
    endpoint: &str,
    documents: Vec<Document>,
    parameters: Value,
) -> Result<Answer, ExecutorError> {
    executor.call(endpoint, documents, &parameters)
}

pub(crate) fn document(id: &str, vector: &[f32]) -> Document {
    Document::new(id).with_embedding(vector.to_vec())
}

/// A document whose chunks have these vectors.
pub(crate) fn clip(id: &str, frames: &[&[f32]]) -> Document {
    let mut clip = Document::new(id);
    let frame = |(number, vector): (usize, &&[f32])| clip.new_chunk(number).with_embedding(vector.to_vec());
    clip.chunks = frames.iter().enumerate().map(frame).collect();
    clip
}

/// Ids and distances of the matches of a document.
pub(crate) fn matches_of(document: &Document) -> Vec<(String, f32)> {
    document.matches.iter().map(|found| (found.id.clone(), found.score().unwrap().value)).collect()
}

/// Ids of the matches of one vector.
pub(crate) fn search(executor: &mut ExecutorHarness, vector: &[f32]) -> Vec<String> {
    let answer = call(executor, "/search", vec![document("query", vector)]);
    answer.documents[0].matches.iter().map(|found| found.id.clone()).collect()
}

/// Labels and error messages of failed documents.
pub(crate) fn failures(answer: &Answer) -> Vec<(String, String)> {
    answer.failures.iter().map(|failure| (failure.label.clone(), failure.error.to_string())).collect()
}
