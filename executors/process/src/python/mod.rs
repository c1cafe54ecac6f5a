//! Executors written in Python. Each replica has its own child process, which runs `python/flowrun/child.py`.

mod interpreter;
mod package;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use flowrun_sdk::{Build, BuildError, Context, ExecutorType, Instance, Value, parse_parameters};
use serde_json::{Map, json};

use crate::parent::child_spec::{ChildSpec, worker_name};
use crate::parent::{environment, executor};
pub use interpreter::default_interpreter;
use interpreter::find_interpreter;

flowrun_sdk::parameters! {
    /// Parameters of `PythonExecutor`.
    struct PythonParameters {
        /// Name of the class; it derives from Jina's `Executor` or from `flowrun.Executor`.
        class: String,
        /// Files (`.py`) and names of the modules that define the class.
        modules: Vec<String>,
        /// Interpreter, or directory of a virtual environment; default: the one in `$VIRTUAL_ENV`, else `python3`.
        python: Option<String> = None,
        /// Arguments of the constructor.
        with: Map<String, Value> = Map::new(),
        /// `metas` of the executor.
        metas: Map<String, Value> = Map::new(),
        /// Methods by endpoint, in addition to those of the class.
        requests: Map<String, Value> = Map::new(),
        /// Parent directory of the workspaces of all shards; default: that of the flow.
        workspace: Option<PathBuf> = None,
        /// Environment variables added to those of flowrun.
        env: Map<String, Value> = Map::new(),
        /// Number of replicas of the pod.
        replicas: usize = 1,
    }
}

/// Runs an executor written in Python in a child process.
pub const PYTHON_EXECUTOR: ExecutorType = ExecutorType::new::<PythonParameters>(
    "PythonExecutor",
    "Runs an executor written in Python in a child process; selected by `uses: CLASS` with `py_modules`.",
    create,
);

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: PythonParameters = parse_parameters(build)?;
    let context = &build.context;
    let directory = std::path::absolute(&context.directory).unwrap_or_else(|_| context.directory.clone());
    let python = find_interpreter(parameters.python.as_deref(), &directory)
        .map_err(|reason| BuildError::parameter("python", reason))?;
    let start = start_body(&parameters, context, &directory);
    let variables = environment::resolve_variables(&parameters.env, context);
    let threads = context.threads.to_string();
    let spec = ChildSpec::new(context, &start, move || {
        let mut command = Command::new(&python);
        // `-u`: output is not buffered, so that lines reach the log immediately.
        command.args(["-u", "-c", package::BOOTSTRAP]);
        if std::env::var_os("OMP_NUM_THREADS").is_none() {
            command.env("OMP_NUM_THREADS", &threads);
        }
        command.envs(variables.iter().cloned());
        Ok(command)
    })?;
    executor::create_instance(spec, context.health.clone())
}

/// Returns the body of the start frame. `directory`, that of the flow file, is absolute.
fn start_body(parameters: &PythonParameters, context: &Context, directory: &Path) -> Value {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let is_file = |module: &str| module.ends_with(".py") || module.contains('/');
    let modules = parameters.modules.iter().map(|module| match is_file(module) {
        true => json!({"path": text(&directory.join(module))}),
        false => json!({"name": module}),
    });
    let modules: Vec<Value> = modules.collect();
    let parents = modules.iter().filter_map(|module| Path::new(module.get("path")?.as_str()?).parent());
    let mut known = BTreeSet::new();
    let mut paths: Vec<String> = parents.map(text).chain([text(directory)]).collect();
    paths.extend(std::env::current_dir().ok().map(|directory| text(&directory)));
    paths.retain(|path| known.insert(path.clone()));
    // The workspace of a shard is `WORKSPACE/NAME/SHARD`. Jina's executors append the last two components themselves.
    let default = context.workspace.ancestors().nth(2).map(Path::to_owned);
    let workspace =
        parameters.workspace.clone().or(default).map(|path| std::path::absolute(&path).unwrap_or(path));
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
            "name": worker_name(context),
            "read_only": context.read_only,
        },
    })
}
