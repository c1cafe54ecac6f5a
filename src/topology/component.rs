//! Input and result of resolving one component, shared by built-in, isolated and Python executors.

use std::path::Path;

use flowrun_sdk::{ExecutorType, RawParameters};

use super::executor::ExecutorRef;
use super::library::SearchPath;
use crate::spec::{Parameters, PythonSpec};

/// Settings of a pod that apply to its executors.
pub(super) struct PodSettings<'a> {
    /// Parent of the executors' workspaces.
    pub(super) workspace: &'a Path,
    /// Set when stored data must not be changed.
    pub(super) read_only: bool,
    /// Set for `isolate: process`.
    pub(super) isolate: bool,
    /// Interpreter of Python executors, if the flow or the pod sets one.
    pub(super) python: Option<&'a PythonSpec>,
    pub(super) replicas: usize,
    /// Environment variables of the executors' processes.
    pub(super) env: &'a Parameters,
    /// Directories of the flow's plugins.
    pub(super) libraries: &'a SearchPath<'a>,
}

/// Type and parameters of a component.
pub(super) struct ComponentType {
    pub(super) executor_type: ExecutorType,
    /// Name of the type, from which it is found again at launch.
    pub(super) executor: ExecutorRef,
    /// Checked parameters.
    pub(super) with: RawParameters,
    /// Class named in the flow.
    pub(super) class: String,
    /// Set when the component stores documents.
    pub(super) stores: bool,
    /// Type and parameters of the executor in the child process, under `isolate: process`.
    pub(super) isolated: Option<(ExecutorType, RawParameters)>,
}
