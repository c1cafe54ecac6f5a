//! The vector indexer, called like in a flow.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Context, Document, Value};
use serde_json::json;

use crate::Options;
use crate::data::{self, NEIGHBOURS, Vectors};
use crate::figures::{disk, memory, percentiles, processor_seconds, recall, timed};

/// Documents per call of `/index`.
pub(crate) const BATCH: usize = 1000;
/// Documents written per second in the benchmark of searches during writes.
const WRITE_RATE: usize = 1000;

fn with(options: &Options) -> Value {
    let mut with = json!({"metric": "euclidean", "index": options.text("index").unwrap_or("auto")});
    for name in ["memory", "vectors", "fsync"] {
        if let Some(text) = options.text(name) {
            with[name] = text.into();
        }
    }
    with
}

fn open(directory: &Path, context: &Context, options: &Options) -> ExecutorHarness {
    open_executor(&with(options), Context { workspace: directory.join("index"), ..context.clone() })
}

/// Opens a `VectorIndexer` with these parameters.
pub(crate) fn open_executor(with: &Value, context: Context) -> ExecutorHarness {
    let executor_type =
        flowrun_index::EXECUTORS.iter().find(|executor| executor.name == "VectorIndexer").unwrap();
    ExecutorHarness::new(executor_type, with, context).unwrap()
}

fn context(directory: &Path, options: &Options) -> Context {
    Context { threads: options.number("threads", 1), ..Context::standalone(directory) }
}

/// A document with the vector of a row; its id is the row number.
pub(crate) fn document(row: usize, vector: &[f32]) -> Document {
    let document = Document::new(format!("{row:08}")).with_embedding(vector.to_vec());
    document.with_uri(format!("clips/{row:08}.gif")).with_tag("length", row % 1000)
}

/// Builds an index of all vectors and prints times; then searches it in a child process.
pub(crate) fn build_and_search(directory: &Path, options: &Options) {
    let _ = std::fs::remove_dir_all(directory.join("index"));
    let context = context(directory, options);
    let mut executor = open(directory, &context, options);
    let mut vectors = Vectors::open(directory);
    let (mut acknowledged, began, processor) = (Duration::ZERO, Instant::now(), processor_seconds());
    for first in (0..vectors.rows()).step_by(BATCH) {
        let block = vectors.floats(first, BATCH);
        let rows = block.chunks(vectors.dimensions()).zip(first..);
        let documents = rows.map(|(vector, row)| document(row, vector)).collect();
        acknowledged += timed(|| executor.call("/index", documents, &Value::Null).unwrap()).0;
    }
    let written = processor_seconds() - processor;
    let status = executor.call("/status", vec![], &json!({"settled": true})).unwrap().results;
    println!(
        "flowrun: {} vectors acknowledged in {:.1} s ({:.0}/s, {written:.0} s CPU), index {} built after {:.1} s ({:.0} s CPU)",
        vectors.rows(),
        acknowledged.as_secs_f64(),
        vectors.rows() as f64 / acknowledged.as_secs_f64(),
        status["index"],
        began.elapsed().as_secs_f64(),
        processor_seconds() - processor,
    );
    println!("flowrun: closing {:.1} s", timed(|| executor.close().unwrap()).0.as_secs_f64());
    drop(context);
    search_again_in_child_process(options);
}

fn search_again_in_child_process(options: &Options) {
    run_in_child_process("again", |arguments| {
        // One thread per search, like in a flow with a replica per core.
        arguments.retain(|argument| !argument.starts_with("threads="));
        if options.text("index").is_none() {
            arguments.push("index=auto".to_owned());
        }
    });
}

/// Runs another verb in a child process, so that memory figures contain nothing else.
pub(crate) fn run_in_child_process(verb: &str, change: impl FnOnce(&mut Vec<String>)) {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    arguments[0] = verb.to_owned();
    change(&mut arguments);
    std::process::Command::new(std::env::current_exe().unwrap()).args(arguments).status().unwrap();
}

/// Searches an index that was built before, and prints latencies, recall and memory.
pub(crate) fn search_again(directory: &Path, options: &Options) {
    let context = context(directory, options);
    let (opening, mut executor) = timed(|| open(directory, &context, options));
    let status = executor.call("/status", vec![], &json!({"settled": true})).unwrap().results;
    println!(
        "flowrun: opened in {:.2} s, {} MiB on disk, {}",
        opening.as_secs_f64(),
        disk(&directory.join("index")),
        Value::Object(status)
    );
    let (queries, nearest) = data::queries(directory);
    for effort in efforts(options) {
        let (mut times, found) = search(&mut executor, &queries, &effort);
        let processor = processor_seconds();
        let (mut times_again, _) = search(&mut executor, &queries, &effort);
        let processor = (processor_seconds() - processor) * 1e3 / queries.len() as f64;
        let first = percentiles(&mut times);
        let (p50, p99) = percentiles(&mut times_again);
        let mut concurrent = search_concurrently(directory, &context, options, &queries, &effort);
        let (both50, both99) = percentiles(&mut concurrent);
        println!(
            "flowrun {effort}: recall@{NEIGHBOURS} {:.4}, 1 thread p50 {p50:.2} p99 {p99:.2} ms ({processor:.2} ms CPU; first time {:.2}, {:.2}), 2 threads p50 {both50:.2} p99 {both99:.2} ms",
            recall(&found, &nearest),
            first.0,
            first.1,
        );
    }
    let (anonymous, resident) = memory();
    println!("flowrun: {anonymous} MiB anonymous, {resident} MiB resident");
}

/// Request parameters to measure: all combinations of `probes=16,64 rerank=50,100 ef=…`.
fn efforts(options: &Options) -> Vec<Value> {
    let list = |name: &str| -> Vec<Option<usize>> {
        let text = options.text(name).unwrap_or_default();
        let numbers: Vec<_> = text.split(',').filter_map(|number| number.parse().ok()).map(Some).collect();
        if numbers.is_empty() { vec![None] } else { numbers }
    };
    let mut efforts = Vec::new();
    for n_probe in list("probes") {
        for rerank in list("rerank") {
            for ef_search in list("ef") {
                let pairs = [("n_probe", n_probe), ("rerank", rerank), ("ef_search", ef_search)];
                let set =
                    pairs.iter().filter_map(|(name, number)| Some(((*name).to_owned(), json!((*number)?))));
                efforts.push(Value::Object(set.collect()));
            }
        }
    }
    efforts
}

fn search(
    executor: &mut ExecutorHarness,
    queries: &[Vec<f32>],
    effort: &Value,
) -> (Vec<Duration>, Vec<Vec<u32>>) {
    let search = |query: &Vec<f32>| {
        let query = vec![Document::new("q").with_embedding(query.clone())];
        let (time, answer) = timed(|| executor.call("/search", query, effort).unwrap());
        let found = answer.documents[0].matches.iter().map(|found| found.id.parse().unwrap_or(u32::MAX));
        (time, found.collect())
    };
    queries.iter().map(search).unzip()
}

/// Latencies of two replicas that search concurrently.
fn search_concurrently(
    directory: &Path,
    context: &Context,
    options: &Options,
    queries: &[Vec<f32>],
    effort: &Value,
) -> Vec<Duration> {
    std::thread::scope(|scope| {
        let searching = queries
            .chunks(queries.len().div_ceil(2))
            .map(|part| scope.spawn(move || search(&mut open(directory, context, options), part, effort).0));
        let searching: Vec<_> = searching.collect();
        searching.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// Searches without other load, and then while documents are written, half of which replace earlier ones.
pub(crate) fn search_while_writing(directory: &Path, options: &Options) {
    let context = context(directory, options);
    let mut executor = open(directory, &context, options);
    executor.call("/status", vec![], &json!({"settled": true})).unwrap();
    let (queries, _) = data::queries(directory);
    let effort = &efforts(options)[0];
    search(&mut executor, &queries, effort);
    let (p50, p99) = percentiles(&mut search(&mut executor, &queries, effort).0);
    println!("flowrun, no other load: p50 {p50:.2} p99 {p99:.2} ms");
    let (is_over, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (mut times, slowest) = std::thread::scope(|scope| {
        let writing = scope.spawn(|| write(directory, &context, options, &is_over, &written));
        let mut times = Vec::new();
        let until = Instant::now() + Duration::from_secs(options.number("seconds", 15) as u64);
        while Instant::now() < until {
            times.extend(search(&mut executor, &queries[..100], effort).0);
        }
        is_over.store(true, Ordering::Relaxed);
        (times, writing.join().unwrap())
    });
    let count = times.len();
    let (p50, p99) = percentiles(&mut times);
    println!(
        "flowrun, while {} documents were written ({WRITE_RATE}/s; the slowest call took {:.0} ms): p50 {p50:.2} p99 {p99:.2} ms of {count} searches",
        written.load(Ordering::Relaxed),
        slowest.as_secs_f64() * 1e3,
    );
}

fn write(
    directory: &Path,
    context: &Context,
    options: &Options,
    is_over: &AtomicBool,
    written: &AtomicUsize,
) -> Duration {
    let mut executor = open(directory, context, options);
    let mut vectors = Vectors::open(directory);
    let (began, mut slowest) = (Instant::now(), Duration::ZERO);
    while !is_over.load(Ordering::Relaxed) {
        let count = written.load(Ordering::Relaxed);
        let block = vectors.floats((count * 7) % (vectors.rows() - 100), 100);
        let row = |offset: usize| if offset.is_multiple_of(2) { offset } else { 50_000_000 + count + offset };
        let documents = block
            .chunks(vectors.dimensions())
            .enumerate()
            .map(|(offset, vector)| document(row(offset), vector));
        slowest =
            slowest.max(timed(|| executor.call("/index", documents.collect(), &Value::Null).unwrap()).0);
        written.fetch_add(100, Ordering::Relaxed);
        let due = began + Duration::from_secs_f64((count + 100) as f64 / WRITE_RATE as f64);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    slowest
}
