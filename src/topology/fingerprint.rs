//! The fingerprint of a flow: equal for the same flow on different machines.

use std::path::{Path, PathBuf};

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
        with: portable_parameters(&component.with, &component.directory),
        workspace: PathBuf::new(),
        directory: PathBuf::new(),
        ..component.clone()
    }
}

fn portable_parameters(with: &RawParameters, directory: &Path) -> RawParameters {
    let kept = with.iter().filter(|(name, _)| !LOCAL_PARAMETERS.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), portable_value(value, directory))).collect()
}

/// A value whose absolute paths are replaced: those below `directory`, that of the flow, by their rest, and others by their
/// last component. The directories above may differ.
fn portable_value(value: &Value, directory: &Path) -> Value {
    let entry = |(name, value): (&String, &Value)| (name.clone(), portable_value(value, directory));
    match value {
        Value::String(text) if text.starts_with('/') => match Path::new(text).strip_prefix(directory) {
            Ok(rest) if directory.is_absolute() => rest.to_string_lossy().into(),
            _ => text.rsplit('/').next().unwrap_or_default().into(),
        },
        Value::Array(items) => items.iter().map(|item| portable_value(item, directory)).collect(),
        Value::Object(entries) => Value::Object(entries.iter().map(entry).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn absolute_paths_count_without_their_directories_and_other_texts_whole() {
        let portable = |value: Value| portable_value(&value, Path::new("/srv/flow"));
        assert_eq!(portable(json!("/srv/flow/models/m.onnx")), json!("models/m.onnx"));
        assert_eq!(portable(json!(["/opt/models/m.onnx"])), json!(["m.onnx"]));
        for whole in ["http://a/x", "models/m.onnx", "../m.onnx", "@r,c", "2024/05"] {
            assert_eq!(portable(json!({ "workspace": whole })), json!({ "workspace": whole }));
        }
        assert_eq!(portable_value(&json!("/opt/m.onnx"), Path::new("")), json!("m.onnx"));
    }
}
