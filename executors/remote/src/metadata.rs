//! What goes along with every call.

use flowrun_sdk::Value;
use serde_json::Map;
use tonic::metadata::{Ascii, MetadataKey, MetadataMap, MetadataValue};

/// Names that mean something to gRPC itself, or that a call fills in.
const TAKEN: [&str; 5] = ["content-type", "te", "user-agent", "endpoint", "host"];

/// Names and values, checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metadata(Vec<(MetadataKey<Ascii>, MetadataValue<Ascii>)>);

impl Metadata {
    /// The metadata that a mapping stands for. What a value is, is never repeated: it may be a secret.
    ///
    /// # Errors
    /// Which entry cannot be sent, and why.
    pub(crate) fn new(entries: &Map<String, Value>) -> Result<Self, String> {
        entries.iter().map(|(name, value)| entry(name, value)).collect::<Result<_, _>>().map(Self)
    }

    /// Puts it into the head of a call.
    pub(crate) fn add_to(&self, head: &mut MetadataMap) {
        for (name, value) in &self.0 {
            head.insert(name.clone(), value.clone());
        }
    }
}

fn entry(name: &str, value: &Value) -> Result<(MetadataKey<Ascii>, MetadataValue<Ascii>), String> {
    let lower = name.to_ascii_lowercase();
    if TAKEN.contains(&lower.as_str()) || lower.starts_with("grpc-") {
        return Err(format!("`{name}` is a name that gRPC itself uses"));
    }
    let key = MetadataKey::from_bytes(lower.as_bytes())
        .map_err(|_| format!("`{name}` is not a name for metadata: letters, digits, `-`, `_` and `.`"))?;
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        _ => return Err(format!("the value of `{name}` must be a text")),
    };
    let value = text
        .parse()
        .map_err(|_| format!("the value of `{name}` has characters in it that cannot be sent"))?;
    Ok((key, value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_that_cannot_be_sent_is_named_without_its_value() {
        let checked = |entries: Value| Metadata::new(entries.as_object().unwrap());
        let mut head = MetadataMap::new();
        checked(json!({"Authorization": "a b", "n": 5})).unwrap().add_to(&mut head);
        assert!(head.get("authorization").unwrap() == "a b" && head.get("n").unwrap() == "5");
        for (entries, named) in [
            (json!({"a b": "secret"}), "`a b` is not a name"),
            (json!({"key-bin": "secret"}), "`key-bin` is not a name"),
            (json!({"a": ["secret"]}), "the value of `a` must be a text"),
            (json!({"a": "secret\n"}), "the value of `a` has characters"),
            (json!({"grpc-timeout": "secret"}), "`grpc-timeout` is a name that gRPC"),
        ] {
            let error = checked(entries).unwrap_err();
            assert!(error.contains(named) && !error.contains("secret"), "{error}");
        }
    }
}
