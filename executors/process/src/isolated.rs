//! `isolate: process`: runs an executor of the catalog or of a plugin in a child process. A crash fails only the calls
//! that are in progress in that process.

use std::path::{Path, PathBuf};

use flowrun_sdk::{Build, BuildError, ExecutorType, Instance, guard, parse_parameters};
use serde_json::{Map, Value, json};

use crate::parent::child_spec::ChildSpec;
use crate::parent::{environment, executor};
use crate::program::Program;
use crate::protocol::context::context_to_json;

/// Environment variable with the log filter of flowrun.
const LOG_VARIABLE: &str = "FLOWRUN_LOG";

/// Log filter of a child, unless `FLOWRUN_LOG` is set. The parent filters the forwarded lines again.
const LOG_FILTER: &str = "warn,flowrun=info";

flowrun_sdk::parameters! {
    /// Parameters of `IsolatedExecutor`.
    struct IsolatedParameters {
        /// Name of the executor to run.
        executor: String,
        /// Parameters of that executor.
        with: Map<String, Value> = Map::new(),
        /// Shared library that contains the executor, if it is a plugin.
        library: Option<PathBuf> = None,
        /// Expected SHA-256 of the library.
        sha256: Option<String> = None,
        /// Directories that may contain the library.
        roots: Vec<String> = Vec::new(),
        /// Environment variables added to those of flowrun.
        env: Map<String, Value> = Map::new(),
    }
}

/// Runs another executor in a child process.
pub const ISOLATED_EXECUTOR: ExecutorType = ExecutorType::new::<IsolatedParameters>(
    "IsolatedExecutor",
    "Runs another executor in a child process; selected by `isolate: process` on a pod.",
    create,
);

fn create(build: &Build) -> Result<Instance, BuildError> {
    let IsolatedParameters { executor: name, with, library, sha256, roots, env } = parse_parameters(build)?;
    let program = Program::registered().ok_or_else(|| BuildError::failed(Program::not_registered()))?;
    let context = &build.context;
    let library =
        library.map(|path| json!({"path": path.to_string_lossy(), "roots": roots, "sha256": sha256}));
    let start = json!({
        "executor": name,
        "with": with,
        "library": library,
        "context": context_to_json(context),
        "confined": allowed_directories(),
    });
    let variables = environment::resolve_variables(&env, context);
    let spec = ChildSpec::new(context, &start, move || {
        let mut command = program.executor_command();
        if std::env::var_os(LOG_VARIABLE).is_none() {
            command.env(LOG_VARIABLE, LOG_FILTER);
        }
        command.envs(variables.iter().cloned());
        Ok(command)
    })?;
    executor::create_instance(spec, context.health.clone())
}

/// Directories to which the URIs of documents are confined in this process.
fn allowed_directories() -> Option<Vec<String>> {
    let text = |path: &&Path| path.to_string_lossy().into_owned();
    guard::allowed_directories().map(|roots| roots.iter().map(text).collect())
}
