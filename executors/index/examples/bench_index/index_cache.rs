//! The index cache: memory that a small cache saves, and latency of searches that load an evicted index.

use std::path::Path;

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Context, Document, Value};
use serde_json::json;

use crate::Options;
use crate::data::{self, Vectors};
use crate::figures::{disk, memory, percentiles, timed};
use crate::indexer;

/// Searches per shard and turn, and number of turns.
const ROUNDS: usize = 10;

/// Opens every shard. `resident` is the capacity of the index cache; `None` for all indexes.
fn open(directory: &Path, options: &Options, resident: Option<usize>) -> Vec<ExecutorHarness> {
    let shards = options.number("shards", 8);
    let with = json!({"metric": "euclidean", "index": options.text("index").unwrap_or("auto"), "resident": resident});
    let open = |shard: usize| {
        let workspace = directory.join("resident").join(shard.to_string());
        let threads = options.number("threads", 1);
        indexer::open_executor(&with, Context { shard, shards, threads, ..Context::standalone(workspace) })
    };
    (0..shards).map(open).collect()
}

/// Fills the shards, each with its part of the vectors. Searches them in two child processes, whose option `opened` is the
/// cache capacity: `all`, or a number of indexes.
pub(crate) fn build(directory: &Path, options: &Options) {
    let _ = std::fs::remove_dir_all(directory.join("resident"));
    let executors = open(directory, options, None);
    let mut vectors = Vectors::open(directory);
    let (shards, part) = (executors.len(), vectors.rows() / executors.len());
    for (shard, mut executor) in executors.into_iter().enumerate() {
        for first in (shard * part..(shard + 1) * part).step_by(indexer::BATCH) {
            let block = vectors.floats(first, indexer::BATCH.min((shard + 1) * part - first));
            let rows = block.chunks(vectors.dimensions()).zip(first..);
            let documents = rows.map(|(vector, row)| indexer::document(row, vector)).collect();
            executor.call("/index", documents, &Value::Null).unwrap();
        }
        executor.call("/status", vec![], &json!({"settled": true})).unwrap();
        executor.close().unwrap();
    }
    println!("{shards} shards of {part} vectors, {} MiB", disk(&directory.join("resident")));
    let few = options.number("resident", 2);
    for resident in ["all".to_owned(), few.to_string()] {
        indexer::run_in_child_process("shards", |arguments| arguments.push(format!("opened={resident}")));
    }
}

/// Searches the shards in turn, each [`ROUNDS`] times, and prints latencies and memory.
pub(crate) fn search(directory: &Path, options: &Options) {
    let resident = options.text("opened").and_then(|text| text.parse().ok());
    let (opening, mut executors) = timed(|| open(directory, options, resident));
    let (queries, _) = data::queries(directory);
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        for executor in &mut executors {
            for (number, query) in queries.iter().skip(round * ROUNDS).take(ROUNDS).enumerate() {
                let query = vec![Document::new("q").with_embedding(query.clone())];
                let time = timed(|| executor.call("/search", query, &Value::Null).unwrap()).0;
                if number == 0 { first.push(time) } else { again.push(time) }
            }
        }
    }
    let (anonymous, _) = memory();
    let ((first50, first99), (again50, again99)) = (percentiles(&mut first), percentiles(&mut again));
    println!(
        "resident: {}: opened in {:.2} s, {anonymous} MiB of anonymous memory; first search of a shard p50 {first50:.1} p99 {first99:.1} ms, later ones p50 {again50:.2} p99 {again99:.2} ms",
        options.text("opened").unwrap_or("all"),
        opening.as_secs_f64(),
    );
}
