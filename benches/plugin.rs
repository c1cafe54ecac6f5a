//! Overhead of the plugin ABI: calls of an executor that does nothing, compiled in and in a shared library.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic ends the benchmark")]

use std::ffi::OsString;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::Command;

use criterion::{Criterion, criterion_group, criterion_main};
use flowrun_sdk::{
    BoxedExecutor, Build, BuildError, Call, Context, Document, Documents, Executor, ExecutorType,
    LibraryRequest, RawParameters, RequestParameters, executor, protobuf,
};

flowrun_sdk::parameters! {
    /// No parameters.
    struct NoParameters {}
}

struct Unchanged;

/// Leaves documents unchanged.
#[executor]
impl Unchanged {
    #[create]
    fn new(_: NoParameters) -> Result<Self, BuildError> {
        Ok(Self)
    }

    #[requests]
    fn pass(&mut self, _: &mut Call<'_>) {}
}

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Builds the plugins of `executors/examples/rust` for release. Returns the path of the library.
fn library() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let built = Command::new(cargo)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .args(["build", "--quiet", "--release", "-p", "flowrun-example-rust", "--examples"])
        .status()
        .unwrap();
    assert!(built.success());
    // The benchmark is in `release/deps`.
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(2).unwrap().join("examples/libtrials.so")
}

fn create(kind: &ExecutorType) -> Box<dyn Executor> {
    let build = Build { with: RawParameters::new(), context: Context::standalone(".") };
    match kind.create(&build).unwrap().executor {
        BoxedExecutor::Sync(executor) => executor,
        BoxedExecutor::Async(_) => panic!("the executor is async"),
    }
}

fn call(executor: &mut dyn Executor, documents: &Documents) {
    let parameters = RequestParameters::new();
    let mut call = Call::new("/index", documents.clone(), &parameters);
    executor.execute(&mut call).unwrap();
    black_box(call.into_answer());
}

/// `count` documents with embeddings of `floats` elements.
fn documents(count: usize, floats: usize) -> Documents {
    let document = |number: usize| Document::new(number.to_string()).with_embedding(vec![0.5; floats]);
    (0..count).map(document).collect()
}

/// Compares calls through the ABI with a call of a built-in executor, and with a copy of the encoded documents.
fn abi(criterion: &mut Criterion) {
    let path = library();
    let roots = [path.parent().unwrap().to_owned()];
    let types = flowrun_plugin::open(&LibraryRequest { path: &path, roots: &roots, sha256: None }).unwrap();
    let plugin = |name: &str| types.iter().find(|kind| kind.name == name).unwrap();
    for (size, documents) in
        [("1 document", documents(1, 0)), ("100 documents of 512 floats", documents(100, 512))]
    {
        let mut group = criterion.benchmark_group(format!("abi/{size}"));
        let bytes = protobuf::encode_list(&documents);
        group.bench_function("copy of the encoding", |bencher| bencher.iter(|| black_box(&bytes).to_vec()));
        for (name, kind) in [
            ("built in", &Unchanged::TYPE),
            ("unchanged", plugin("Still")),
            ("every field read", plugin("Touch")),
        ] {
            let mut executor = create(kind);
            group.bench_function(name, |bencher| bencher.iter(|| call(&mut *executor, &documents)));
        }
        group.finish();
    }
}

criterion_group!(benches, abi);
criterion_main!(benches);
