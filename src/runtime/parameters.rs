//! Parameters that are meant for one executor, in Jina's two spellings: `NAME__key: value`, which the others do not
//! see, and `NAME: {key: value}`, which they see as it stands.

use std::borrow::Cow;

use flowrun_sdk::RequestParameters;

/// What stands between the name of an executor and that of its parameter.
const SEPARATOR: &str = "__";

/// Whether some of the parameters may be meant for one executor alone. Those that clients send of their own accord
/// (`__results__`) are not.
pub(super) fn are_specific(parameters: &RequestParameters) -> bool {
    parameters
        .iter()
        .any(|(key, value)| split(key).is_some() || (value.is_object() && !key.starts_with("__")))
}

/// What the executor `name` gets to see.
pub(super) fn for_executor<'a>(parameters: &'a RequestParameters, name: &str) -> Cow<'a, RequestParameters> {
    if !are_specific(parameters) {
        return Cow::Borrowed(parameters);
    }
    let mut own: RequestParameters =
        parameters.iter().filter(|(key, _)| split(key).is_none()).map(clone).collect();
    for (key, value) in parameters {
        if let Some((_, key)) = split(key).filter(|(executor, _)| *executor == name) {
            own.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(meant) = parameters.get(name).and_then(serde_json::Value::as_object) {
        own.extend(meant.iter().map(clone));
    }
    Cow::Owned(own)
}

fn clone((key, value): (&String, &serde_json::Value)) -> (String, serde_json::Value) {
    (key.clone(), value.clone())
}

/// The executor's name and the parameter's, if the key has both.
fn split(key: &str) -> Option<(&str, &str)> {
    key.rsplit_once(SEPARATOR).filter(|(executor, key)| !executor.is_empty() && !key.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen_by(name: &str, parameters: &serde_json::Value) -> serde_json::Value {
        for_executor(parameters.as_object().unwrap(), name).into_owned().into()
    }

    #[test]
    fn an_executors_own_parameters_reach_it_alone() {
        let sent = json!({"k": 1, "misc__only": 7, "enc__only": 8, "misc": {"nested": 9}, "__results__": {}});
        let misc = json!({"k": 1, "misc": {"nested": 9}, "__results__": {}, "only": 7, "nested": 9});
        assert_eq!(seen_by("misc", &sent), misc);
        let enc = json!({"k": 1, "misc": {"nested": 9}, "__results__": {}, "only": 8});
        assert_eq!(seen_by("enc", &sent), enc);
    }

    #[test]
    fn ordinary_parameters_are_not_copied() {
        let sent = json!({"k": 1, "list": [1], "__results__": {}});
        assert!(matches!(for_executor(sent.as_object().unwrap(), "a"), Cow::Borrowed(_)));
    }
}
