//! Executors that are written in Python, each replica in a child process of its own.

mod interpreter;
mod package;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use flowrun_sdk::{Build, BuildError, Context, ExecutorType, Instance, Value, parse_parameters};
use serde_json::{Map, json};

use crate::recipe::Recipe;
use crate::{caller, environment};
pub use interpreter::default_interpreter;
use interpreter::interpreter;

flowrun_sdk::parameters! {
    /// What runs in Python.
    struct PythonParameters {
        /// The class: one that derives from Jina's `Executor`, or from that of the package `flowrun`.
        class: String,
        /// Where it is defined: files, which end in `.py`, and modules by their names.
        modules: Vec<String>,
        /// The interpreter, or the directory of its environment; that of `$VIRTUAL_ENV` or else `python3` when absent.
        python: Option<String> = None,
        /// What its constructor gets.
        with: Map<String, Value> = Map::new(),
        /// Its `metas`.
        metas: Map<String, Value> = Map::new(),
        /// Which endpoint calls which method, beside what the class says.
        requests: Map<String, Value> = Map::new(),
        /// The directory that it writes beneath.
        workspace: Option<PathBuf> = None,
        /// Variables of its process, beside those of flowrun's own.
        env: Map<String, Value> = Map::new(),
        /// How many replicas its pod has.
        replicas: usize = 1,
    }
}

/// Runs an executor that is written in Python.
pub const PYTHON_EXECUTOR: ExecutorType = ExecutorType::new::<PythonParameters>(
    "PythonExecutor",
    "Runs an executor that is written in Python, in a child process; written as its class, with `py_modules`.",
    create,
);

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: PythonParameters = parse_parameters(build)?;
    let context = &build.context;
    let directory = std::path::absolute(&context.directory).unwrap_or_else(|_| context.directory.clone());
    let python = interpreter(parameters.python.as_deref(), &directory)
        .map_err(|reason| BuildError::parameter("python", reason))?;
    let start = start(&parameters, context, &directory);
    let variables = environment::of(&parameters.env, context);
    let threads = context.threads.to_string();
    let recipe = Recipe::new(context, &start, move || {
        let mut command = Command::new(&python);
        // Lines come when they are written.
        command.args(["-u", "-c", package::BOOTSTRAP]);
        if std::env::var_os("OMP_NUM_THREADS").is_none() {
            command.env("OMP_NUM_THREADS", &threads);
        }
        environment::add(&mut command, &variables);
        Ok(command)
    })?;
    caller::executor(recipe, context.health.clone())
}

/// What the child is told.
fn start(parameters: &PythonParameters, context: &Context, directory: &Path) -> Value {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let is_file = |module: &str| module.ends_with(".py") || module.contains('/');
    let modules = parameters.modules.iter().map(|module| match is_file(module) {
        true => json!({"path": text(&directory.join(module))}),
        false => json!({"name": module}),
    });
    let modules: Vec<Value> = modules.collect();
    let beside = modules.iter().filter_map(|module| Path::new(module.get("path")?.as_str()?).parent());
    let mut known = BTreeSet::new();
    let mut paths: Vec<String> = beside.map(text).chain([text(directory)]).collect();
    paths.extend(std::env::current_dir().ok().map(|directory| text(&directory)));
    paths.retain(|path| known.insert(path.clone()));
    // `WORKSPACE/NAME/SHARD` is a shard's own; executors of Jina's put the last two behind the first themselves.
    let own = context.workspace.ancestors().nth(2).map(Path::to_owned);
    let workspace =
        parameters.workspace.clone().or(own).map(|path| std::path::absolute(&path).unwrap_or(path));
    json!({
        "package": package::sources(),
        "class": parameters.class,
        "modules": modules,
        "paths": paths,
        "with": parameters.with,
        "metas": parameters.metas,
        "requests": parameters.requests,
        "runtime_args": {
            "workspace": workspace.as_deref().map(text),
            "shard_id": context.shard,
            "shards": context.shards,
            "replica_id": context.replica,
            "replicas": parameters.replicas,
            "name": format!("{}/rep-{}", context.pod, context.replica),
            "read_only": context.read_only,
        },
    })
}
