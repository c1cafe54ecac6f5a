//! Parameters addressed to one executor, in Jina's two spellings: `NAME__key: value`, which only `NAME` receives, and
//! `NAME: {key: value}`, which `NAME` receives merged and every other executor unchanged.

use std::borrow::Cow;

use flowrun_sdk::RequestParameters;

use super::target::TargetPattern;
use crate::topology::is_chain;

/// Separates the name of an executor from the name of its parameter.
const SEPARATOR: &str = "__";

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

/// The parameters that the executor `name` receives. Copies them only if some are addressed to one executor. A chain of
/// executors on a worker receives all of them, and `target`.
pub(super) fn for_executor<'a>(
    parameters: &'a RequestParameters,
    target: Option<&TargetPattern>,
    name: &str,
) -> Cow<'a, RequestParameters> {
    if is_chain(name) {
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
        if let Some((_, key)) = split(key).filter(|(executor, _)| *executor == name) {
            own.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(nested) = parameters.get(name).and_then(serde_json::Value::as_object) {
        own.extend(nested.iter().map(clone));
    }
    Cow::Owned(own)
}

fn clone((key, value): (&String, &serde_json::Value)) -> (String, serde_json::Value) {
    (key.clone(), value.clone())
}

/// Splits `NAME__key` into the executor's name and the parameter's.
fn split(key: &str) -> Option<(&str, &str)> {
    key.rsplit_once(SEPARATOR).filter(|(executor, key)| !executor.is_empty() && !key.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn received_by(name: &str, parameters: &serde_json::Value) -> serde_json::Value {
        for_executor(parameters.as_object().unwrap(), None, name).into_owned().into()
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
    fn parameters_for_all_executors_are_not_copied() {
        let sent = json!({"k": 1, "list": [1], "__results__": {}});
        assert!(matches!(for_executor(sent.as_object().unwrap(), None, "a"), Cow::Borrowed(_)));
    }
}
