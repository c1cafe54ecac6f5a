//! Parameters addressed to one executor, in Jina's two spellings: `POD__key: value`, which only the executor of `POD`
//! receives, and `NAME: {key: value}`, which `NAME` receives merged and every other executor unchanged. `NAME` is a pod or
//! the executor's own name.

use std::borrow::Cow;
use std::sync::Arc;

use flowrun_sdk::RequestParameters;

use super::target::TargetPattern;
use crate::topology::is_chain;

/// Separates the name of an executor from the name of its parameter.
const SEPARATOR: &str = "__";

/// Names by which parameters are addressed to an executor.
#[derive(Clone, Debug, Default)]
pub(in crate::runtime) struct ExecutorNames {
    /// The pod, without the role of an executor before or after its shards.
    pod: Arc<str>,
    /// The executor's own name.
    own: Arc<str>,
}

impl ExecutorNames {
    /// The name of the executor's pod, and its own.
    pub(in crate::runtime) fn new(pod: &str, own: &str) -> Self {
        Self { pod: pod.into(), own: own.into() }
    }
}

/// Returns `true` when some parameters may be addressed to one executor. Keys that start with `__`, such as the
/// `__results__` that Jina's clients send by themselves, do not count.
fn has_addressed(parameters: &RequestParameters) -> bool {
    parameters
        .iter()
        .any(|(key, value)| split(key).is_some() || (value.is_object() && !key.starts_with("__")))
}

/// Parameter with the pattern of executor names that a request to a chain is addressed to: the worker, which runs the
/// executors, applies it.
pub(crate) const TARGET_PARAMETER: &str = "__target__";

/// The parameters that an executor receives. Copies them only if some are addressed to one executor. As in Jina, those
/// addressed by its own name override those addressed by its pod. A chain of executors on a worker receives all of them,
/// and `target`.
pub(super) fn for_executor<'a>(
    parameters: &'a RequestParameters,
    target: Option<&TargetPattern>,
    names: &ExecutorNames,
) -> Cow<'a, RequestParameters> {
    if is_chain(&names.pod) {
        let mut all = Cow::Borrowed(parameters);
        if let Some(target) = target {
            all.to_mut().insert(TARGET_PARAMETER.to_owned(), target.as_str().into());
        }
        return all;
    }
    if !has_addressed(parameters) {
        return Cow::Borrowed(parameters);
    }
    let mut own: RequestParameters =
        parameters.iter().filter(|(key, _)| split(key).is_none()).map(clone).collect();
    for (key, value) in parameters {
        if let Some((_, key)) = split(key).filter(|(pod, _)| **pod == *names.pod) {
            own.insert(key.to_owned(), value.clone());
        }
    }
    for name in [&names.pod, &names.own] {
        if let Some(nested) = parameters.get(&**name).and_then(serde_json::Value::as_object) {
            own.extend(nested.iter().map(clone));
        }
    }
    own.shift_remove(TARGET_PARAMETER);
    Cow::Owned(own)
}

fn clone((key, value): (&String, &serde_json::Value)) -> (String, serde_json::Value) {
    (key.clone(), value.clone())
}

/// Splits `POD__key` into the pod's name and the parameter's.
fn split(key: &str) -> Option<(&str, &str)> {
    key.rsplit_once(SEPARATOR).filter(|(pod, key)| !pod.is_empty() && !key.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn received_by(name: &str, parameters: &serde_json::Value) -> serde_json::Value {
        let names = ExecutorNames::new(name, "Class");
        for_executor(parameters.as_object().unwrap(), None, &names).into_owned().into()
    }

    #[test]
    fn addressed_parameters_reach_only_their_executor() {
        let sent = json!({"k": 1, "misc__only": 7, "enc__only": 8, "misc": {"nested": 9}, "__results__": {}});
        let misc = json!({"k": 1, "misc": {"nested": 9}, "__results__": {}, "only": 7, "nested": 9});
        assert_eq!(received_by("misc", &sent), misc);
        let enc = json!({"k": 1, "misc": {"nested": 9}, "__results__": {}, "only": 8});
        assert_eq!(received_by("enc", &sent), enc);
        assert_eq!(received_by("enc+misc", &sent), sent);
    }

    #[test]
    fn the_own_name_of_an_executor_addresses_it_like_its_pod_and_takes_precedence() {
        let sent = json!({"k": 1, "Class": {"k": 2}, "misc": {"k": 3, "l": 3}, "Class__m": 4});
        let received = json!({"k": 2, "l": 3, "Class": {"k": 2}, "misc": {"k": 3, "l": 3}});
        assert_eq!(received_by("misc", &sent), received);
    }

    #[test]
    fn parameters_for_all_executors_are_not_copied() {
        let sent = json!({"k": 1, "list": [1], "__results__": {}});
        let received = for_executor(sent.as_object().unwrap(), None, &ExecutorNames::default());
        assert!(matches!(received, Cow::Borrowed(_)));
    }
}
