//! An executor that takes its process with it when it is told to.

use std::time::Duration;

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, Context, Executor, ExecutorError, ExecutorType, Instance, Order,
    parse_parameters,
};
use serde_json::json;

flowrun_sdk::parameters! {
    /// How it is made.
    struct FragileParameters {
        /// What it says when it is made.
        says: String = String::new(),
        /// Whether its process ends while it is made.
        stillborn: bool = false,
        /// Whether it takes for ever to be made.
        slow: bool = false,
        /// A parameter that will not do.
        wrong: String = String::new(),
    }
}

pub(crate) const FRAGILE: ExecutorType =
    ExecutorType::new::<FragileParameters>("Fragile", "Ends its process when it is told to.", create);

struct Fragile {
    context: Context,
    calls: u64,
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let FragileParameters { says, stillborn, slow, wrong } = parse_parameters(build)?;
    if !says.is_empty() {
        eprintln!("{says}");
    }
    if stillborn {
        std::process::abort();
    }
    if slow {
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
                eprintln!("told to abort");
                std::process::abort();
            }
            "/panic" => panic!("told to panic"),
            "/stubborn" => loop {
                std::thread::sleep(Duration::from_secs(1));
            },
            "/obedient" => loop {
                call.check()?;
                std::thread::sleep(Duration::from_millis(1));
            },
            "/trouble" => self.context.health.set_unhealthy("out of paper"),
            "/greedy" => {
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
