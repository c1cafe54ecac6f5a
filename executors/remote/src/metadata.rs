//! gRPC metadata that is sent with every call.

use flowrun_sdk::Value;
use serde_json::Map;
use tonic::metadata::{Ascii, MetadataKey, MetadataMap, MetadataValue};

/// Names that gRPC itself or the call uses.
const RESERVED: [&str; 5] = ["content-type", "te", "user-agent", "endpoint", "host"];

/// Validated names and values of metadata.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metadata(Vec<(MetadataKey<Ascii>, MetadataValue<Ascii>)>);

impl Metadata {
    /// Validates `entries`. Errors never contain a value: it may be a secret.
    ///
    /// # Errors
    /// The first entry that cannot be sent, and the reason.
    pub(crate) fn new(entries: &Map<String, Value>) -> Result<Self, String> {
        entries.iter().map(|(name, value)| entry(name, value)).collect::<Result<_, _>>().map(Self)
    }

    /// Adds an entry; a later one of the same name replaces an earlier one.
    ///
    /// # Errors
    /// If the value cannot be sent. The error does not contain it.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Result<Self, String> {
        let value = value
            .parse()
            .map_err(|_| format!("the value of `{name}` contains characters that cannot be sent"))?;
        self.0.push((MetadataKey::from_static(name), value));
        Ok(self)
    }

    /// Inserts the entries into the headers of a call.
    pub(crate) fn add_to(&self, headers: &mut MetadataMap) {
        for (name, value) in &self.0 {
            headers.insert(name.clone(), value.clone());
        }
    }
}

fn entry(name: &str, value: &Value) -> Result<(MetadataKey<Ascii>, MetadataValue<Ascii>), String> {
    let lower = name.to_ascii_lowercase();
    if RESERVED.contains(&lower.as_str()) || lower.starts_with("grpc-") {
        return Err(format!("`{name}` is reserved by gRPC"));
    }
    let key = MetadataKey::from_bytes(lower.as_bytes())
        .map_err(|_| format!("`{name}` is not a metadata name: use letters, digits, `-`, `_` and `.`"))?;
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        _ => return Err(format!("the value of `{name}` must be a text")),
    };
    let value =
        text.parse().map_err(|_| format!("the value of `{name}` contains characters that cannot be sent"))?;
    Ok((key, value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_that_cannot_be_sent_is_named_without_its_value() {
        let checked = |entries: Value| Metadata::new(entries.as_object().unwrap());
        let mut headers = MetadataMap::new();
        checked(json!({"Authorization": "a b", "n": 5})).unwrap().add_to(&mut headers);
        assert!(headers.get("authorization").unwrap() == "a b" && headers.get("n").unwrap() == "5");
        for (entries, named) in [
            (json!({"a b": "secret"}), "`a b` is not a metadata name"),
            (json!({"key-bin": "secret"}), "`key-bin` is not a metadata name"),
            (json!({"a": ["secret"]}), "the value of `a` must be a text"),
            (json!({"a": "secret\n"}), "the value of `a` contains characters"),
            (json!({"grpc-timeout": "secret"}), "`grpc-timeout` is reserved by gRPC"),
        ] {
            let error = checked(entries).unwrap_err();
            assert!(error.contains(named) && !error.contains("secret"), "{error}");
        }
    }
}
