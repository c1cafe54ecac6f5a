//! Origins of documents among the parameters of a request, for executors in another process.

use std::borrow::Cow;

use flowrun_sdk::{Origin, RequestParameters};
use serde_json::{Value, json};

use super::request::STREAM;

/// Parameter that carries the [`Origin`]s of the documents to another process: a list of pairs of an executor's name and
/// a number of documents.
pub const ORIGINS: &str = "__origins__";

/// Parameters of a call for another process: with the origins of its documents, if there are any, and with [`STREAM`] if it
/// `streams`. Values of these names that a client has sent are removed.
pub fn parameters_for_process<'a>(
    parameters: &'a RequestParameters,
    origins: &[Origin],
    streams: bool,
) -> Cow<'a, RequestParameters> {
    let mut parameters = Cow::Borrowed(parameters);
    let origins = (!origins.is_empty()).then(|| encode_origins(origins));
    for (name, value) in [(ORIGINS, origins), (STREAM, streams.then(|| true.into()))] {
        match value {
            Some(value) => _ = parameters.to_mut().insert(name.to_owned(), value),
            None if parameters.contains_key(name) => _ = parameters.to_mut().shift_remove(name),
            None => {}
        }
    }
    parameters
}

/// Encodes the value of the parameter [`ORIGINS`].
#[must_use]
pub fn encode_origins(origins: &[Origin]) -> Value {
    origins.iter().map(|origin| json!([&*origin.executor, origin.documents])).collect()
}

/// Decodes the value of the parameter [`ORIGINS`], the origins of documents after a join. Malformed pairs are ignored.
#[must_use]
pub fn decode_origins(value: Option<&Value>) -> Vec<Origin> {
    let origin = |pair: &Value| {
        let (executor, documents) = (pair.get(0)?.as_str()?, pair.get(1)?.as_f64()?);
        Some(Origin { executor: executor.into(), documents: documents as usize })
    };
    value.and_then(Value::as_array).into_iter().flatten().filter_map(origin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_parameters_of_a_client_do_not_reach_another_process() {
        let sent = json!({"a": 1, ORIGINS: [["x", 3]], STREAM: true});
        let sent = sent.as_object().unwrap();
        assert_eq!(Value::from(parameters_for_process(sent, &[], false).into_owned()), json!({"a": 1}));
        let origins = [Origin { executor: "e".into(), documents: 2 }];
        let passed = parameters_for_process(sent, &origins, true).into_owned();
        assert_eq!(Value::from(passed), json!({"a": 1, ORIGINS: [["e", 2]], STREAM: true}));
    }

    #[test]
    fn decoded_origins_equal_the_encoded_ones_and_malformed_pairs_are_ignored() {
        let origins = ["a", "ü"].map(|name| Origin { executor: name.into(), documents: name.len() });
        let mut encoded = encode_origins(&origins);
        encoded.as_array_mut().unwrap().extend([json!("a"), json!([1, 2]), json!(["b"])]);
        assert_eq!(decode_origins(Some(&encoded)), origins);
        assert_eq!(decode_origins(None), []);
    }
}
