//! Startup cost of the program: time until a flow of six pods is ready, and memory while it is idle.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints its results, and a panic ends it"
)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};

/// Video search with an empty index.
const FLOW: &str = "\
jtype: Flow
with: {endpoint: /search}
executors:
- {name: segmenter, uses: GifSegmenter}
- {name: encoder, uses: ImageDescriptorEncoder}
- {name: frames, uses: VectorIndexer, uses_with: {access_paths: '@c'}, shards: 2}
- {name: ranker, uses: BiMatchRanker}
- {name: clips, uses: DocumentStore, uses_with: {access_paths: '@m'}}
- {name: best, uses: TopK}
";

/// Starts the flow with an input that stays open. Returns the process and the time until it was ready.
fn start(directory: &Path) -> (Child, Duration) {
    let started = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_flowrun"))
        .args(["--verbose", "run", "flow.yml", "--input", "-"])
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let ready = lines.map_while(Result::ok).any(|line| line.contains("ready"));
    assert!(ready, "the flow did not become ready");
    (child, started.elapsed())
}

/// Ends the process by closing its input.
fn stop(mut child: Child) {
    drop(child.stdin.take());
    child.wait().unwrap();
}

fn ready(criterion: &mut Criterion) {
    criterion.bench_function("process/ready", |bencher| {
        bencher.iter_custom(|iterations| {
            let start_once = |_| {
                let directory = tempfile::tempdir().unwrap();
                std::fs::write(directory.path().join("flow.yml"), FLOW).unwrap();
                let (child, elapsed) = start(directory.path());
                stop(child);
                elapsed
            };
            (0..iterations).map(start_once).sum()
        });
    });
}

fn memory(_: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("flow.yml"), FLOW).unwrap();
    let (child, _) = start(directory.path());
    let status =
        flowrun_sdk::guard::read_text(Path::new(&format!("/proc/{}/status", child.id())), 1 << 16).unwrap();
    for line in status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("Threads")) {
        println!("process/idle {line}");
    }
    stop(child);
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = ready, memory
}
criterion_main!(benches);
