//! Shards of which few have their index in memory: what that saves, and what it costs to search one that has not.

use std::path::Path;

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Context, Document, Value};
use serde_json::json;

use crate::Options;
use crate::data::{self, Vectors};
use crate::figures::{disk, memory, percentiles, timed};
use crate::ours;

/// How often each shard is searched.
const ROUNDS: usize = 10;

fn open(directory: &Path, options: &Options, resident: Option<usize>) -> Vec<ExecutorHarness> {
    let shards = options.number("shards", 8);
    let with = json!({"metric": "euclidean", "index": options.text("index").unwrap_or("auto"), "resident": resident});
    let open = |shard: usize| {
        let workspace = directory.join("resident").join(shard.to_string());
        let threads = options.number("threads", 1);
        ours::bench(&with, Context { shard, shards, threads, ..Context::standalone(workspace) })
    };
    (0..shards).map(open).collect()
}

/// Fills the shards, each with its part of the vectors.
pub(crate) fn build(directory: &Path, options: &Options) {
    let _ = std::fs::remove_dir_all(directory.join("resident"));
    let benches = open(directory, options, None);
    let mut vectors = Vectors::open(directory);
    let (shards, part) = (benches.len(), vectors.rows() / benches.len());
    for (shard, mut bench) in benches.into_iter().enumerate() {
        for first in (shard * part..(shard + 1) * part).step_by(ours::BATCH) {
            let block = vectors.floats(first, ours::BATCH.min((shard + 1) * part - first));
            let rows = block.chunks(vectors.dimensions()).zip(first..);
            let documents = rows.map(|(vector, row)| ours::document(row, vector)).collect();
            bench.call("/index", documents, &Value::Null).unwrap();
        }
        bench.call("/status", vec![], &json!({"settled": true})).unwrap();
        bench.close().unwrap();
    }
    println!("{shards} shards of {part} vectors, {} MB", disk(&directory.join("resident")));
    let few = options.number("resident", 2);
    for resident in ["all".to_owned(), few.to_string()] {
        ours::in_a_process_of_its_own("shards", |arguments| arguments.push(format!("opened={resident}")));
    }
}

/// Searches the shards in turn, each a few times.
pub(crate) fn search(directory: &Path, options: &Options) {
    let resident = options.text("opened").and_then(|text| text.parse().ok());
    let (opening, mut benches) = timed(|| open(directory, options, resident));
    let (queries, _) = data::queries(directory);
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        for bench in &mut benches {
            for (number, query) in queries.iter().skip(round * ROUNDS).take(ROUNDS).enumerate() {
                let query = vec![Document::new("q").with_embedding(query.clone())];
                let time = timed(|| bench.call("/search", query, &Value::Null).unwrap()).0;
                if number == 0 { first.push(time) } else { again.push(time) }
            }
        }
    }
    let (own, _) = memory();
    let ((first50, first99), (again50, again99)) = (percentiles(&mut first), percentiles(&mut again));
    println!(
        "resident: {}: opened in {:.2} s, {own} MB of its own; the first search of a shard p50 {first50:.1} p99 {first99:.1} ms, those behind it p50 {again50:.2} p99 {again99:.2} ms",
        options.text("opened").unwrap_or("all"),
        opening.as_secs_f64(),
    );
}
