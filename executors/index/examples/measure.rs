//! Measures the vector indexer against bare FAISS in one run: adding, searching, opening, memory.
//!
//! `cargo run --release -p flowrun-index --example measure [vectors] [dimensions] [index]`
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a developer tool that stops at the first error"
)]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use faiss::{Index as _, MetricType, index_factory};
use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Context, Document, Value, guard};
use serde_json::json;

const BATCH: usize = 100;
const SHARDS: usize = 8;

fn main() {
    let argument = |position: usize| std::env::args().nth(position);
    if let (Some("open"), Some(directory), Some(index)) = (argument(1).as_deref(), argument(2), argument(3)) {
        return reopen(Path::new(&directory), &index);
    }
    let number = |position, default| argument(position).map_or(default, |text| text.parse().unwrap());
    let (rows, dimension) = (number(1, 100_000), number(2, 128));
    let index = argument(3).unwrap_or_else(|| "Flat".to_owned());
    println!("{}", flowrun_index::build_description());
    println!(
        "{rows} vectors of {dimension} dimensions, {index}, batches of {BATCH}, fsync always, one thread"
    );
    let directory = tempfile::tempdir_in(".").unwrap();
    idle_shards(directory.path());
    let vectors = random(rows * dimension);
    let queries = random(10 * BATCH * dimension);
    bare_faiss(&vectors, &queries, dimension, &index);
    indexer(&directory.path().join("one"), &vectors, &queries, dimension, &index);
}

fn bare_faiss(vectors: &[f32], queries: &[f32], dimension: usize, index: &str) {
    let mut faiss = index_factory(u32::try_from(dimension).unwrap(), index, MetricType::L2).unwrap();
    if !faiss.is_trained() {
        faiss.train(vectors).unwrap();
    }
    let adding = timed(|| vectors.chunks(BATCH * dimension).for_each(|batch| faiss.add(batch).unwrap()));
    report("FAISS: adds", vectors.len() / dimension, adding);
    let batched = timed(|| queries.chunks(BATCH * dimension).for_each(|batch| drop(faiss.search(batch, 10))));
    report("FAISS: searches, 100 a call", queries.len() / dimension, batched);
    let single =
        timed(|| queries.chunks(dimension).take(BATCH).for_each(|query| drop(faiss.search(query, 10))));
    report("FAISS: searches, 1 a call", BATCH, single);
}

fn indexer(directory: &Path, vectors: &[f32], queries: &[f32], dimension: usize, index: &str) {
    let with = json!({"metric": "euclidean", "index": index});
    let mut executor = open(directory, 0, 1, &with);
    let rows = vectors.len() / dimension;
    let documents = documents(vectors, dimension);
    let mut slowest = Duration::ZERO;
    let adding = timed(|| {
        for batch in documents.chunks(BATCH) {
            let call = timed(|| drop(executor.call("/index", batch.to_vec(), &Value::Null).unwrap()));
            slowest = slowest.max(call);
        }
    });
    report("VectorIndexer: adds", rows, adding);
    println!("slowest call of {BATCH}: {slowest:.1?}");
    let queries = self::documents(queries, dimension);
    let batched = timed(|| {
        for batch in queries.chunks(BATCH) {
            drop(executor.call("/search", batch.to_vec(), &Value::Null).unwrap());
        }
    });
    report("VectorIndexer: searches, 100 a call", queries.len(), batched);
    let search_one =
        |query: &Document| drop(executor.call("/search", vec![query.clone()], &Value::Null).unwrap());
    let single = timed(|| queries.iter().take(BATCH).for_each(search_one));
    report("VectorIndexer: searches, 1 a call", BATCH, single);
    println!("closing {:.1?}", timed(|| executor.close().unwrap()));
    // In a child process, so that memory figures contain nothing else.
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg("open").arg(directory).arg(index).status().unwrap();
}

fn reopen(directory: &Path, index: &str) {
    let before = resident();
    let with = json!({"metric": "euclidean", "index": index});
    let mut executor = None;
    let opening = timed(|| executor = Some(open(directory, 0, 1, &with)));
    println!("opening {opening:.1?}, resident memory {before} before, {} after", resident());
    println!(
        "{}",
        Value::Object(executor.unwrap().call("/status", Vec::new(), &Value::Null).unwrap().results)
    );
}

/// Time and memory of empty shards.
fn idle_shards(directory: &Path) {
    println!("resident memory without shards {}", resident());
    for action in ["creating", "opening"] {
        let mut shards = Vec::new();
        let opening = timed(|| {
            shards
                .extend((0..SHARDS).map(|shard| open(directory, shard, SHARDS, &json!({"dimension": 128}))));
        });
        println!("{action} {SHARDS} empty shards {opening:.1?}, resident memory {}", resident());
    }
}

fn open(directory: &Path, shard: usize, shards: usize, with: &Value) -> ExecutorHarness {
    let executor_type =
        flowrun_index::EXECUTORS.iter().find(|executor| executor.name == "VectorIndexer").unwrap();
    let context = Context { shard, shards, ..Context::standalone(directory.join(shard.to_string())) };
    ExecutorHarness::new(executor_type, with, context).unwrap()
}

fn documents(vectors: &[f32], dimension: usize) -> Vec<Document> {
    let document = |(number, vector): (usize, &[f32])| {
        let document = Document::new(format!("document-{number:08}")).with_embedding(vector.to_vec());
        document.with_uri(format!("clips/{number:08}.gif")).with_tag("length", number)
    };
    vectors.chunks(dimension).enumerate().map(document).collect()
}

/// Pseudo-random numbers from −0.5 to 0.5 (xorshift), deterministic.
fn random(count: usize) -> Vec<f32> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        f32::from(u16::try_from(state >> 16).unwrap_or(0)) / 65_536.0 - 0.5
    };
    (0..count).map(|_| next()).collect()
}

fn timed(action: impl FnOnce()) -> Duration {
    let start = Instant::now();
    action();
    start.elapsed()
}

fn report(label: &str, count: usize, time: Duration) {
    #[expect(clippy::cast_precision_loss, reason = "a figure rounded for output")]
    let rate = count as f64 / time.as_secs_f64();
    println!("{label}: {rate:.0}/s");
}

fn resident() -> String {
    let status = guard::read_text("/proc/self/status".as_ref(), 1 << 16).unwrap();
    let line = |name: &str| status.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    let number = |line: String| line.split_whitespace().nth(1).unwrap_or_default().to_owned();
    format!("{} kB, {} threads", number(line("VmRSS")), number(line("Threads")))
}
