//! What the workers of a pod run: one executor, or several behind one name.

use std::path::PathBuf;

use flowrun_sdk::{Endpoints, ExecutorType, RawParameters};

use crate::spec::Parameters;

/// What the workers of a pod run.
#[derive(Clone, Debug)]
pub struct ExecutorPlan {
    /// The executors; the first one is the pod's own when there is no program.
    pub components: Vec<ComponentPlan>,
    /// What requests do, by endpoint.
    pub programs: Vec<ProgramPlan>,
    /// Whether requests that no program names pass by, instead of going to the first component as they are.
    pub others_pass: bool,
}

/// One executor: found, and its parameters checked.
#[derive(Clone, Debug)]
pub struct ComponentPlan {
    /// Its kind.
    pub kind: ExecutorType,
    /// The class that it was named by, which another executor may stand for.
    pub class: String,
    /// Its parameters.
    pub with: RawParameters,
    /// Its parameters as they are written, to point at when construction fails.
    pub arguments: Parameters,
    /// The directory that its shards have theirs in.
    pub workspace: PathBuf,
    /// The directory that paths among its parameters start from.
    pub directory: PathBuf,
    /// Stored data may not change.
    pub read_only: bool,
}

/// What requests to some endpoints do.
#[derive(Clone, Debug)]
pub struct ProgramPlan {
    /// The endpoints; none for every one.
    pub endpoints: Vec<String>,
    /// The calls, one after the other.
    pub steps: Vec<StepPlan>,
}

/// One call.
#[derive(Clone, Debug)]
pub struct StepPlan {
    /// Which component is called.
    pub component: usize,
    /// The endpoint that it is called with; the request's own when `None`.
    pub endpoint: Option<String>,
    /// The documents that it works on; its own default when `None`.
    pub access_paths: Option<String>,
}

impl ExecutorPlan {
    /// Returns `true` when the only component is called directly, without programs.
    pub(crate) fn is_single(&self) -> bool {
        self.programs.is_empty() && self.components.len() == 1
    }

    /// Endpoints that the programs of a compound executor handle.
    pub(crate) fn program_endpoints(&self) -> Endpoints {
        if !self.others_pass || self.programs.iter().any(|program| program.endpoints.is_empty()) {
            return Endpoints::All;
        }
        Endpoints::Only(self.programs.iter().flat_map(|program| program.endpoints.clone()).collect())
    }
}

/// The executor's name within the name of its pod. Executors of `uses_before` and `uses_after` run in pods of their own,
/// `NAME/before` and `NAME/after`, and share the name.
pub(crate) fn executor_name(pod: &str) -> &str {
    pod.split_once('/').map_or(pod, |(name, _)| name)
}
