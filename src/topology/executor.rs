//! The executor of a pod as data: a single component, or several run by programs.

use std::path::PathBuf;

use flowrun_sdk::{
    BuildError, Catalog, Endpoints, ExecutorType, LibraryError, LibraryFault, LibraryRequest, RawParameters,
};
use serde::{Deserialize, Serialize};

/// The executor that the workers of a pod run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExecutorPlan {
    /// Its own name, by which parameters can be addressed to it: `metas.name`, by default its class.
    pub name: String,
    /// The components. Without programs, all requests go to the first.
    pub components: Vec<ComponentPlan>,
    /// Calls of components, by endpoint.
    pub programs: Vec<ProgramPlan>,
    /// Requests to endpoints without a program pass through; otherwise the first component receives them.
    pub pass_unmatched: bool,
}

/// One component, with checked parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComponentPlan {
    /// The executor type.
    pub executor: ExecutorRef,
    /// The class named in the flow. Differs from the type when another executor runs it, such as `PythonExecutor`.
    pub class: String,
    /// Parameters.
    pub with: RawParameters,
    /// Parent of the workspace directories of the shards.
    pub workspace: PathBuf,
    /// Base directory of relative paths among the parameters.
    pub directory: PathBuf,
    /// Set when stored data must not be changed.
    pub read_only: bool,
    /// Set when the component stores documents in its workspace.
    pub stores: bool,
}

/// Name of an executor type, from which it is found again at launch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutorRef {
    /// An executor of the catalogue.
    BuiltIn {
        /// Name of the type.
        name: String,
    },
    /// An executor of a shared library.
    Library {
        /// Name of the type.
        name: String,
        /// File of the library.
        path: PathBuf,
        /// Directories, one of which must contain the file.
        roots: Vec<PathBuf>,
        /// SHA-256 of the file that was checked, in hexadecimal. Another file is rejected at launch.
        sha256: Option<String>,
    },
}

/// Calls that requests to some endpoints result in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramPlan {
    /// The endpoints; empty for all.
    pub endpoints: Vec<String>,
    /// The calls, one after the other.
    pub steps: Vec<StepPlan>,
}

/// One call of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepPlan {
    /// Position of the component.
    pub component: usize,
    /// Endpoint of the call; `None` for that of the request.
    pub endpoint: Option<String>,
    /// Access paths of the documents to process; `None` for the component's default.
    pub access_paths: Option<String>,
}

impl ExecutorPlan {
    /// Returns `true` when the only component is called directly, without programs.
    pub(crate) fn is_single(&self) -> bool {
        self.programs.is_empty() && self.components.len() == 1
    }

    /// Classes of the components, joined by ` + `, for messages.
    pub(crate) fn class_names(&self) -> String {
        let classes = self.components.iter().map(|component| component.class.as_str());
        classes.collect::<Vec<_>>().join(" + ")
    }

    /// Endpoints that the programs of a compound executor handle.
    pub(crate) fn program_endpoints(&self) -> Endpoints {
        if !self.pass_unmatched || self.programs.iter().any(|program| program.endpoints.is_empty()) {
            return Endpoints::All;
        }
        Endpoints::Only(self.programs.iter().flat_map(|program| program.endpoints.clone()).collect())
    }
}

impl ComponentPlan {
    /// Workspace directory of one shard.
    pub fn workspace(&self, shard: usize) -> PathBuf {
        self.workspace.join(shard.to_string())
    }
}

impl ExecutorRef {
    /// Name of the executor type.
    pub fn name(&self) -> &str {
        match self {
            Self::BuiltIn { name } | Self::Library { name, .. } => name,
        }
    }

    /// Finds the executor type. Libraries are opened and checked, but not loaded.
    ///
    /// # Errors
    /// When the catalogue has no such executor, or the library has changed or cannot be opened.
    pub fn find(&self, catalog: &Catalog) -> Result<ExecutorType, BuildError> {
        match self {
            Self::BuiltIn { name } => catalog
                .get(name)
                .copied()
                .ok_or_else(|| BuildError::failed(format_args!("there is no built-in executor `{name}`"))),
            Self::Library { name, path, roots, sha256 } => {
                let request = LibraryRequest { path, roots, sha256: sha256.as_deref() };
                let types = catalog.open_library(&request).map_err(BuildError::Library)?;
                let found = types.iter().find(|executor| executor.name == name).copied();
                found.ok_or_else(|| {
                    let message = format!("{} has no executor `{name}`", path.display());
                    BuildError::Library(LibraryError::new(LibraryFault::Unreadable, message))
                })
            }
        }
    }
}

/// The name that the flow file gives to the executor of the pod `pod`. Executors of `uses_before` and `uses_after` run in pods
/// of their own, `NAME/before` and `NAME/after`, and share the name `NAME`.
pub(crate) fn executor_name(pod: &str) -> &str {
    pod.split_once('/').map_or(pod, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_before_and_after_an_executor_share_its_name() {
        assert_eq!(["enc", "enc/before", "enc/after"].map(executor_name), ["enc"; 3]);
    }

    #[test]
    fn an_unknown_executor_is_reported_by_its_name() {
        let executor = ExecutorRef::BuiltIn { name: "Missing".to_owned() };
        let error = executor.find(&Catalog::default()).unwrap_err();
        assert_eq!(error.to_string(), "there is no built-in executor `Missing`");
    }
}
