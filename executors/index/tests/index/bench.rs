//! Executors by name, in a directory.

use std::path::Path;

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Answer, BuildError, Context, Document, ExecutorError, ExecutorType, Value};

/// Whatever is passed as `documents` to nobody.
pub(crate) const NONE: Vec<Document> = Vec::new();

/// A directory, in memory where the system has one: no test here needs a disk, and many wait for one to sync.
pub(crate) fn directory() -> tempfile::TempDir {
    let in_memory = tempfile::tempdir_in("/dev/shm");
    in_memory.or_else(|_| tempfile::tempdir()).unwrap()
}

pub(crate) fn kind(name: &str) -> &'static ExecutorType {
    flowrun_index::EXECUTORS.iter().find(|kind| kind.name == name).unwrap()
}

/// The context of one shard of several; each has a directory of its own below `base`.
pub(crate) fn shard_context(base: &Path, shard: usize, shards: usize) -> Context {
    Context { shard, shards, ..Context::standalone(base.join(shard.to_string())) }
}

pub(crate) fn try_open(base: &Path, name: &str, with: &Value) -> Result<ExecutorHarness, BuildError> {
    ExecutorHarness::new(kind(name), with, shard_context(base, 0, 1))
}

pub(crate) fn open(base: &Path, name: &str, with: &Value) -> ExecutorHarness {
    try_open(base, name, with).unwrap()
}

pub(crate) fn refusal(base: &Path, name: &str, with: &Value) -> String {
    match try_open(base, name, with) {
        Ok(_) => panic!("{with} was taken"),
        Err(error) => error.to_string(),
    }
}

/// A call without parameters that must succeed.
pub(crate) fn call(bench: &mut ExecutorHarness, endpoint: &str, documents: Vec<Document>) -> Answer {
    bench.call(endpoint, documents, &Value::Null).unwrap()
}

pub(crate) fn call_with(
    bench: &mut ExecutorHarness,
    endpoint: &str,
    documents: Vec<Document>,
    parameters: Value,
) -> Result<Answer, ExecutorError> {
    bench.call(endpoint, documents, &parameters)
}

pub(crate) fn document(id: &str, vector: &[f32]) -> Document {
    Document::new(id).with_embedding(vector.to_vec())
}

/// A clip whose frames have these vectors.
pub(crate) fn clip(id: &str, frames: &[&[f32]]) -> Document {
    let mut clip = Document::new(id);
    let frame = |(number, vector): (usize, &&[f32])| clip.new_chunk(number).with_embedding(vector.to_vec());
    clip.chunks = frames.iter().enumerate().map(frame).collect();
    clip
}

/// Ids and distances of what was found for a document.
pub(crate) fn found(document: &Document) -> Vec<(String, f32)> {
    document.matches.iter().map(|found| (found.id.clone(), found.score().unwrap().value)).collect()
}

/// Ids of what is found for one vector.
pub(crate) fn search(bench: &mut ExecutorHarness, vector: &[f32]) -> Vec<String> {
    let answer = call(bench, "/search", vec![document("query", vector)]);
    answer.documents[0].matches.iter().map(|found| found.id.clone()).collect()
}

/// Labels and reasons of the documents that failed alone.
pub(crate) fn failures(answer: &Answer) -> Vec<(String, String)> {
    answer.failures.iter().map(|failure| (failure.label.clone(), failure.error.to_string())).collect()
}
