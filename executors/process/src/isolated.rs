//! An executor of the catalogue in a process of its own: what `isolate: process` makes of it. When it crashes, the calls
//! in it fail, and nothing else.

use std::path::PathBuf;

use flowrun_sdk::{Build, BuildError, Context, ExecutorType, Instance, Value, guard, parse_parameters};
use serde_json::{Map, json};

use crate::program::{Program, unknown};
use crate::recipe::Recipe;
use crate::{caller, environment};

/// The variable that chooses what a child writes to its log; it is chosen from again where it arrives.
const LOG_VARIABLE: &str = "FLOWRUN_LOG";

flowrun_sdk::parameters! {
    /// What runs in a process of its own.
    struct IsolatedParameters {
        /// The executor, by its name.
        executor: String,
        /// Its parameters.
        with: Map<String, Value> = Map::new(),
        /// The shared library that it is in, if it is in one.
        library: Option<PathBuf> = None,
        /// The hash that the library must have.
        sha256: Option<String> = None,
        /// The directories beneath which the library has to lie.
        roots: Vec<String> = Vec::new(),
        /// Variables of its process, beside those of flowrun's own.
        env: Map<String, Value> = Map::new(),
    }
}

/// Runs another executor in a process of its own.
pub const ISOLATED_EXECUTOR: ExecutorType = ExecutorType::new::<IsolatedParameters>(
    "IsolatedExecutor",
    "Runs another executor in a process of its own; written `isolate: process` at a pod.",
    create,
);

fn create(build: &Build) -> Result<Instance, BuildError> {
    let IsolatedParameters { executor, with, library, sha256, roots, env } = parse_parameters(build)?;
    let program = Program::known().ok_or_else(|| BuildError::failed(unknown()))?;
    let context = &build.context;
    let library =
        library.map(|path| json!({"path": path.to_string_lossy(), "roots": roots, "sha256": sha256}));
    let start = json!({
        "executor": executor,
        "with": with,
        "library": library,
        "context": to_json(context),
        "confined": confined(),
    });
    let variables = environment::of(&env, context);
    let recipe = Recipe::new(context, &start, move || {
        let mut command = program.as_executor();
        if std::env::var_os(LOG_VARIABLE).is_none() {
            command.env(LOG_VARIABLE, "warn,flowrun=info");
        }
        environment::add(&mut command, &variables);
        Ok(command)
    })?;
    caller::executor(recipe, context.health.clone())
}

/// The directories that documents are confined to here.
fn confined() -> Option<Vec<String>> {
    let text = |path: &PathBuf| path.to_string_lossy().into_owned();
    guard::allowed_directories().map(|roots| roots.iter().map(text).collect())
}

fn to_json(context: &Context) -> Value {
    json!({
        "pod": context.pod,
        "workspace": context.workspace.to_string_lossy(),
        "directory": context.directory.to_string_lossy(),
        "shard": context.shard,
        "shards": context.shards,
        "replica": context.replica,
        "read_only": context.read_only,
        "threads": context.threads,
        "concurrency": context.concurrency,
    })
}

/// The context that a parent described. Its health, its numbers and its shared state are the child's own.
pub(crate) fn context(value: &Value) -> Context {
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |name: &str, default| {
        value
            .get(name)
            .and_then(Value::as_u64)
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(default)
    };
    Context {
        pod: text("pod"),
        directory: text("directory").into(),
        shard: number("shard", 0),
        shards: number("shards", 1),
        replica: number("replica", 0),
        read_only: value.get("read_only") == Some(&Value::Bool(true)),
        threads: number("threads", 1),
        concurrency: number("concurrency", 1),
        ..Context::standalone(text("workspace"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_arrives_in_the_child_as_it_was() {
        let sent = Context {
            pod: "index".to_owned(),
            directory: "/flows".into(),
            shard: 2,
            shards: 3,
            replica: 1,
            read_only: true,
            threads: 4,
            concurrency: 5,
            ..Context::standalone("/shelves/2")
        };
        assert_eq!(to_json(&context(&to_json(&sent))), to_json(&sent));
    }
}
