//! What the boundary to a plugin costs: an executor that does nothing, compiled in and in a library.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a bench that cannot go on has nothing to say")]

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
    /// None.
    struct Nothing {}
}

struct Still;

/// Leaves everything as it is.
#[executor]
impl Still {
    #[create]
    fn new(_: Nothing) -> Result<Self, BuildError> {
        Ok(Self)
    }

    #[requests]
    fn pass(&mut self, _: &mut Call<'_>) {}
}

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The plugins of `executors/examples/rust`, as they are published.
fn library() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let built = Command::new(cargo)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .args(["build", "--quiet", "--release", "-p", "flowrun-example-rust", "--examples"])
        .status()
        .unwrap();
    assert!(built.success());
    // This program is in `release/deps`.
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(2).unwrap().join("examples/libtrials.so")
}

fn made(kind: &ExecutorType) -> Box<dyn Executor> {
    let build = Build { with: RawParameters::new(), context: Context::standalone(".") };
    match kind.create(&build).unwrap().executor {
        BoxedExecutor::Sync(executor) => executor,
        BoxedExecutor::Async(_) => panic!("it computes"),
    }
}

fn call(executor: &mut dyn Executor, documents: &Documents) {
    let parameters = RequestParameters::new();
    let mut call = Call::new("/index", documents.clone(), &parameters);
    executor.execute(&mut call).unwrap();
    black_box(call.into_answer());
}

/// Documents with so many floats each.
fn documents(count: usize, floats: usize) -> Documents {
    let document = |number: usize| Document::new(number.to_string()).with_embedding(vec![0.5; floats]);
    (0..count).map(document).collect()
}

/// A call through the boundary beside one that stays on this side, and beside copying the bytes of its documents.
fn boundary(criterion: &mut Criterion) {
    let path = library();
    let roots = [path.parent().unwrap().to_owned()];
    let types = flowrun_plugin::open(&LibraryRequest { path: &path, roots: &roots, sha256: None }).unwrap();
    let of = |name: &str| types.iter().find(|kind| kind.name == name).unwrap();
    for (size, documents) in
        [("1 document", documents(1, 0)), ("100 documents of 512 floats", documents(100, 512))]
    {
        let mut group = criterion.benchmark_group(format!("boundary/{size}"));
        let bytes = protobuf::encode_list(&documents);
        group.bench_function("copy of the bytes", |bencher| bencher.iter(|| black_box(&bytes).to_vec()));
        for (name, kind) in
            [("built in", &Still::TYPE), ("left alone", of("Still")), ("touched", of("Touch"))]
        {
            let mut executor = made(kind);
            group.bench_function(name, |bencher| bencher.iter(|| call(&mut *executor, &documents)));
        }
        group.finish();
    }
}

criterion_group!(benches, boundary);
criterion_main!(benches);
