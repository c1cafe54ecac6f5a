//! Origins of documents among the parameters of a request, for executors in another process.

use flowrun_sdk::Origin;
use serde_json::{Value, json};

/// Parameter that carries the [`Origin`]s of the documents to another process: a list of pairs of an executor's name and
/// a number of documents.
pub const ORIGINS: &str = "__origins__";

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
    fn decoded_origins_equal_the_encoded_ones_and_malformed_pairs_are_ignored() {
        let origins = ["a", "ü"].map(|name| Origin { executor: name.into(), documents: name.len() });
        let mut encoded = encode_origins(&origins);
        encoded.as_array_mut().unwrap().extend([json!("a"), json!([1, 2]), json!(["b"])]);
        assert_eq!(decode_origins(Some(&encoded)), origins);
        assert_eq!(decode_origins(None), []);
    }
}
