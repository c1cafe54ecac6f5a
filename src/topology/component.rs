//! Input and result of resolving one component, shared by built-in, isolated and Python executors.

use std::path::Path;

use flowrun_sdk::{ExecutorType, RawParameters};

use super::executor::ExecutorRef;
use super::library::SearchPath;
use crate::spec::{Parameters, PythonSpec};

/// Settings of a pod that apply to its executors.
pub(super) struct PodSettings<'a> {
    pub(super) workspace: &'a Path,
    pub(super) read_only: bool,
    pub(super) isolate: bool,
    pub(super) python: Option<&'a PythonSpec>,
    pub(super) replicas: usize,
    pub(super) env: &'a Parameters,
    pub(super) libraries: &'a SearchPath<'a>,
}

/// Type and parameters of a component.
pub(super) struct ComponentType {
    pub(super) executor_type: ExecutorType,
    pub(super) executor: ExecutorRef,
    pub(super) with: RawParameters,
    /// Class named in the flow.
    pub(super) class: String,
    /// Set when the component stores documents.
    pub(super) stores: bool,
    pub(super) isolated: Option<(ExecutorType, RawParameters)>,
}
