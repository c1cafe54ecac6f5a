//! The fingerprint of a flow: equal for the same flow on different machines.

use std::path::PathBuf;

use flowrun_sdk::{ExecutorDescription, RawParameters, Value};
use xxhash_rust::xxh3::xxh3_128;

use super::budget::MemoryBound;
use super::executor::{ComponentPlan, ExecutorPlan, ExecutorRef};
use super::{JobPlan, PodPlacement, PodPlan, Topology};
use crate::spec::GatewaySpec;

/// Parameters of executors in child processes that name directories of this machine.
const LOCAL_PARAMETERS: [&str; 2] = ["workspace", "roots"];

impl Topology {
    /// A hash of the flow, in hexadecimal. Left out is everything that may differ between the machines that run its parts:
    /// directories, threads, memory, models, the settings of the gateway and of a batch job, and the placement.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let portable = Self {
            pods: self.pods.iter().map(portable_pod).collect(),
            memory: MemoryBound::new(&[], &[], 0, None),
            job: JobPlan::default(),
            gateway: GatewaySpec::default(),
            ..self.clone()
        };
        let text = serde_json::to_string(&portable).unwrap_or_else(|_| format!("{portable:?}"));
        format!("{:032x}", xxh3_128(text.as_bytes()))
    }
}

fn portable_pod(pod: &PodPlan) -> PodPlan {
    let portable = |plan: &ExecutorPlan| ExecutorPlan {
        components: plan.components.iter().map(portable_component).collect(),
        ..plan.clone()
    };
    PodPlan {
        executor: pod.executor.as_ref().map(portable),
        description: ExecutorDescription::unknown(),
        threads: 0,
        placement: PodPlacement::Here,
        ..pod.clone()
    }
}

fn portable_component(component: &ComponentPlan) -> ComponentPlan {
    let executor = match &component.executor {
        ExecutorRef::Library { name, sha256, .. } => ExecutorRef::Library {
            name: name.clone(),
            path: PathBuf::new(),
            roots: Vec::new(),
            sha256: sha256.clone(),
        },
        built_in @ ExecutorRef::BuiltIn { .. } => built_in.clone(),
    };
    ComponentPlan {
        executor,
        with: portable_parameters(&component.with),
        workspace: PathBuf::new(),
        directory: PathBuf::new(),
        ..component.clone()
    }
}

fn portable_parameters(with: &RawParameters) -> RawParameters {
    let kept = with.iter().filter(|(name, _)| !LOCAL_PARAMETERS.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), portable_value(value))).collect()
}

/// A value with the last component of each path in it: the directories above may differ.
fn portable_value(value: &Value) -> Value {
    match value {
        Value::String(text) => text.rsplit('/').next().unwrap_or_default().into(),
        Value::Array(items) => items.iter().map(portable_value).collect(),
        Value::Object(entries) => portable_parameters(entries).into(),
        other => other.clone(),
    }
}
