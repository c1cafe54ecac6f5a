//! An executor for tests of child processes. Its parameters and endpoints make it abort, panic, hang or become unhealthy; other
//! calls tag each document with the process id and the number of calls.

use std::time::Duration;

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, Context, Executor, ExecutorError, ExecutorType, Instance, Order,
    parse_parameters,
};
use serde_json::json;

flowrun_sdk::parameters! {
    /// Behaviour of the constructor.
    struct FragileParameters {
        /// Written to standard error by the constructor.
        output: String = String::new(),
        /// Aborts the process in the constructor.
        aborts: bool = false,
        /// Never returns from the constructor.
        hangs: bool = false,
        /// Rejected if it is not empty.
        wrong: String = String::new(),
    }
}

pub(crate) const FRAGILE: ExecutorType =
    ExecutorType::new::<FragileParameters>("Fragile", "Aborts, panics or hangs on request.", create);

struct Fragile {
    context: Context,
    calls: u64,
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let FragileParameters { output, aborts, hangs, wrong } = parse_parameters(build)?;
    if !output.is_empty() {
        eprintln!("{output}");
    }
    if aborts {
        std::process::abort();
    }
    if hangs {
        loop {
            std::thread::park();
        }
    }
    if !wrong.is_empty() {
        return Err(BuildError::parameter("wrong", "is wrong"));
    }
    Ok(Instance::new(Fragile { context: build.context.clone(), calls: 0 }).with_ranking(Order::Descending, 3))
}

impl Executor for Fragile {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        self.calls += 1;
        let calls = self.context.metrics.counter("fragile_calls_total", "Calls.");
        calls.add(1);
        match call.endpoint() {
            "/abort" => {
                eprintln!("aborting on request");
                std::process::abort();
            }
            "/panic" => panic!("panicking on request"),
            "/uncancellable" => loop {
                std::thread::sleep(Duration::from_secs(1));
            },
            "/cancellable" => loop {
                call.check()?;
                std::thread::sleep(Duration::from_millis(1));
            },
            "/unhealthy" => self.context.health.set_unhealthy("out of paper"),
            "/exceed-budget" => {
                let budget = call.budget();
                call.for_each(&AccessPaths::roots(), |_| budget.reserve(1 << 40))?;
            }
            "/context" => {
                let Context { pod, shard, shards, replica, read_only, threads, .. } = &self.context;
                call.set_result(
                    "context",
                    json!({"pod": pod, "shard": shard, "shards": shards, "replica": replica,
                        "read_only": read_only, "threads": threads,
                        "workspace": self.context.workspace.to_string_lossy(), "request": call.request_id()}),
                );
                call.set_result("deadline", call.deadline().is_some());
            }
            _ => {}
        }
        let pid = std::process::id();
        let calls = self.calls;
        call.for_each(&AccessPaths::roots(), |document| {
            document.tags_mut().insert("pid".to_owned(), pid.into());
            document.tags_mut().insert("calls".to_owned(), calls.into());
            Ok(())
        })
    }
}
