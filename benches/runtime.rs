//! Overhead of the runtime: hops from pod to pod, throughput of small documents, dynamic batching, and calls of workers.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic ends the benchmark"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flowrun::diagnostic::{Report, Sources};
use flowrun::gateway::{Gateway, Tokens, serve};
use flowrun::runtime::{Flow, Outcome, Request, launch};
use flowrun::topology::{Machine, Placement, Topology, Worker, WorkerIdentity};
use flowrun::yaml::Environment;
use flowrun_sdk::{
    AsyncExecutor, Build, BuildError, Call, Catalog, Document, Documents, Executor, ExecutorError,
    ExecutorType, Instance, async_trait,
};
use futures_util::{StreamExt as _, stream};
use tokio::runtime::Runtime;

flowrun_sdk::parameters! {
    /// No parameters.
    struct NoParameters {}
}

/// Does nothing, so that only the overhead of a call is measured.
struct Nothing;

impl Executor for Nothing {
    fn execute(&mut self, _: &mut Call<'_>) -> Result<(), ExecutorError> {
        Ok(())
    }
}

#[async_trait]
impl AsyncExecutor for Nothing {
    async fn execute(&self, _: &mut Call<'_>) -> Result<(), ExecutorError> {
        Ok(())
    }
}

fn thread(_: &Build) -> Result<Instance, BuildError> {
    Ok(Instance::new(Nothing))
}

fn task(_: &Build) -> Result<Instance, BuildError> {
    Ok(Instance::new_async(Nothing))
}

/// Kinds of workers, and an executor that does nothing on each.
const WORKERS: [(&str, &str); 3] = [("thread", "OnThread"), ("task", "InTask"), ("inline", "Pass")];

/// Launches a chain of `pods` pods with the executor `uses`.
fn chain(tasks: &Runtime, pods: usize, uses: &str) -> Flow {
    let (topology, catalog) = plan_chain(pods, uses);
    start(tasks, &topology, &catalog)
}

/// Plans a chain of `pods` pods with the executor `uses`. Returns it with the executors.
fn plan_chain(pods: usize, uses: &str) -> (Topology, Catalog) {
    let mut catalog: Catalog = flowrun::catalog::built_in();
    catalog.add(ExecutorType::new::<NoParameters>("Affine", "Sleeps.", |_| Ok(Instance::new(Affine))));
    catalog.add(ExecutorType::new::<NoParameters>("OnThread", "Does nothing.", thread));
    catalog.add(ExecutorType::new::<NoParameters>("InTask", "Does nothing.", task));
    let executors: String = (0..pods).map(|pod| format!("- {{name: p{pod}, uses: {uses}}}\n")).collect();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flow.yml");
    std::fs::write(&path, format!("jtype: Flow\nwith: {{prefetch: 64}}\nexecutors:\n{executors}")).unwrap();
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let read = flowrun::read(&path, &Environment::default(), &catalog, &mut sources, &mut report);
    (read.unwrap().1, catalog)
}

fn start(tasks: &Runtime, topology: &Topology, catalog: &Catalog) -> Flow {
    tasks.block_on(launch(topology, catalog, &mut Report::default())).unwrap()
}

fn documents(count: usize) -> Documents {
    (0..count).map(|number| Document::new(number.to_string()).with_text("a few words")).collect()
}

/// Sends `requests` requests, at most as many at a time as the flow has credits. Returns the elapsed time.
fn stream_through(
    tasks: &Runtime,
    flow: &Flow,
    (requests, in_flight): (u64, usize),
    documents: impl Fn() -> Documents,
) -> Duration {
    let send = |_| async {
        let request = Request { endpoint: "/index".to_owned(), documents: documents(), ..Request::default() };
        match flow.submit(request).await.unwrap().outcome().await {
            Outcome::Reply(response) => black_box(response),
            Outcome::Failed(error) => panic!("{error}"),
        }
    };
    let started = Instant::now();
    tasks.block_on(async {
        let mut replies = stream::iter(0..requests).map(send).buffer_unordered(in_flight);
        while replies.next().await.is_some() {}
    });
    started.elapsed()
}

/// Time per request and pod in a chain of ten pods under load, including entry and exit.
fn hop(criterion: &mut Criterion) {
    const PODS: usize = 10;
    let tasks = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("hop");
    for (name, uses) in WORKERS {
        let (flow, documents) = (chain(&tasks, PODS, uses), documents(1));
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|requests| {
                stream_through(&tasks, &flow, (requests, 64), || documents.clone()) / PODS as u32
            });
        });
    }
    group.finish();
}

/// Throughput of small documents through three pods, 100 documents per request.
fn pass_through(criterion: &mut Criterion) {
    let tasks = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("pass_through");
    group.throughput(Throughput::Elements(100));
    for (name, uses) in WORKERS {
        let (flow, documents) = (chain(&tasks, 3, uses), documents(100));
        group.bench_function(name, |bencher| {
            bencher
                .iter_custom(|requests| stream_through(&tasks, &flow, (requests, 64), || documents.clone()));
        });
    }
    group.finish();
}

/// Simulates a model with a fixed cost per call and a cost per document.
struct Affine;

impl Executor for Affine {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        std::thread::sleep(Duration::from_micros(2_000 + 50 * call.documents().len() as u64));
        Ok(())
    }
}

/// Requests of one document, 64 in flight, to an executor that takes 2 ms per call and 50 µs per document, with and
/// without batching. Ideally 64 requests take 5.2 ms instead of 64 × 2.05 ms.
fn batching(criterion: &mut Criterion) {
    let tasks = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("batching");
    group.throughput(Throughput::Elements(1)).sample_size(10);
    let settings =
        [("off", "{}"), ("auto", "auto"), ("size_32", "{/index: {preferred_batch_size: 32, timeout: 5}}")];
    for (name, batching) in settings {
        let flow = chain(&tasks, 1, &format!("Affine, uses_dynamic_batching: {batching}"));
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|requests| {
                // Unique ids, because requests with a common id are never batched.
                let next = AtomicU64::new(0);
                let document = || Document::new(next.fetch_add(1, Ordering::Relaxed).to_string());
                stream_through(&tasks, &flow, (requests, 64), || Documents::from(vec![document()]))
            });
        });
    }
    group.finish();
}

/// Requests of one document of 4 KB to an executor that does nothing, in this process and on a worker that is connected over
/// loopback, one request at a time and 16 at a time.
fn worker(criterion: &mut Criterion) {
    let tasks = Runtime::new().unwrap();
    let (topology, catalog) = plan_chain(1, "OnThread");
    let local = start(&tasks, &topology, &catalog);
    let (pod, first) = (&topology.pods[0].name, Worker { shard: 0, replica: 0 });
    let part = topology.of_worker(pod, first, &Placement::default(), Machine::local()).unwrap();
    let served = Gateway::new(Arc::new(start(&tasks, &part, &catalog)), &part, Tokens::default())
        .with_identity(WorkerIdentity::new(&topology, pod, first));
    let server = tasks.block_on(serve(served, &["127.0.0.1:0".parse().unwrap()], None)).unwrap();
    let mut placement = Placement::default();
    placement.pods.insert(pod.clone(), vec![vec![server.addresses()[0].to_string()]]);
    let distributed = start(&tasks, &topology.placed(&placement, Machine::local()), &catalog);

    let document: Documents = [Document::new("0").with_text("x".repeat(4 << 10))].into_iter().collect();
    let mut group = criterion.benchmark_group("worker");
    for (name, flow) in [("in_process", &local), ("on_worker", &distributed)] {
        for in_flight in [1, 16] {
            group.bench_function(format!("{name}/{in_flight}"), |bencher| {
                bencher.iter_custom(|requests| {
                    stream_through(&tasks, flow, (requests, in_flight), || document.clone())
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, hop, pass_through, batching, worker);
criterion_main!(benches);
