//! What a remote executor can be told.

use std::path::PathBuf;

use flowrun_sdk::{Parameter, ParameterKind, Value};
use serde_json::Map;

use crate::Address;

flowrun_sdk::parameters! {
    /// Where an executor is served, and how it is called.
    pub(crate) struct RemoteParameters {
        /// Where it is served: `HOST:PORT`, `grpc://HOST:PORT`, or `grpcs://HOST:PORT` beneath TLS. Several are
        /// replicas.
        addresses: Addresses,
        /// Whether TLS is spoken at every address.
        tls: bool = false,
        /// A file in PEM form with the authorities, or the certificates, to trust beneath TLS; this machine's when
        /// absent.
        ca: Option<PathBuf> = None,
        /// Metadata that goes along with every call: names and texts.
        metadata: Map<String, Value> = Map::new(),
        /// Milliseconds that one call may take; -1 for no end but the request's deadline.
        timeout_send: i64 = -1,
        /// How often a call that found nobody, or lost its connection, is made again, at the next address; -1 for 3,
        /// or the number of addresses when that is more. So an executor may see a call twice.
        retries: i64 = -1,
        /// The schema of the documents that are sent.
        schema: Spoken = Spoken::Auto,
    }
}

/// Addresses: a text, in which commas may separate several, or a list of such.
#[derive(Clone, Debug)]
pub(crate) struct Addresses(pub(crate) Vec<Address>);

impl Parameter for Addresses {
    const KIND: ParameterKind =
        ParameterKind::Other("`HOST:PORT`, `grpc://HOST:PORT` or `grpcs://HOST:PORT`, or a list of these");

    fn parse(value: &Value) -> Option<Self> {
        let texts: Vec<&str> = match value {
            Value::String(text) => vec![text],
            Value::Array(items) => items.iter().map(Value::as_str).collect::<Option<_>>()?,
            _ => return None,
        };
        let parsed = texts.into_iter().flat_map(|text| text.split(',')).map(|text| text.trim().parse().ok());
        let addresses: Vec<Address> = parsed.collect::<Option<_>>()?;
        (!addresses.is_empty()).then_some(Self(addresses))
    }

    fn to_value(&self) -> Value {
        self.0.iter().map(ToString::to_string).collect()
    }
}

/// Which schema is spoken with the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// The one that the other side understands, by its version of docarray; the first where it does not say.
    Auto,
    /// Docarray's first schema.
    V1,
    /// Its second.
    V2,
}

impl Parameter for Spoken {
    const KIND: ParameterKind = ParameterKind::Choice(&["auto", "v1", "v2"]);

    fn parse(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "auto" => Some(Self::Auto),
            "v1" => Some(Self::V1),
            "v2" => Some(Self::V2),
            _ => None,
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Auto => "auto".into(),
            Self::V1 => "v1".into(),
            Self::V2 => "v2".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::Parameters as _;
    use serde_json::json;

    use super::*;

    #[test]
    fn addresses_are_one_several_or_a_list() {
        let addresses = |value: &Value| Addresses::parse(value).map(|addresses| addresses.to_value());
        assert_eq!(addresses(&json!("a:1")), Some(json!(["a:1"])));
        assert_eq!(addresses(&json!("a:1, grpcs://b:2")), Some(json!(["a:1", "grpcs://b:2"])));
        assert_eq!(addresses(&json!(["a:1", "b:2,c:3"])), Some(json!(["a:1", "b:2", "c:3"])));
        for wrong in [json!(""), json!([]), json!(5), json!(["a"]), json!(["a:1", 2])] {
            assert_eq!(addresses(&wrong), None, "{wrong}");
        }
        let with = json!({"addresses": "a:1", "schema": "v3"});
        let mistakes = RemoteParameters::parse(with.as_object().unwrap()).unwrap_err();
        assert_eq!(
            mistakes[0].to_string(),
            "parameter `schema` must be `auto`, `v1` or `v2`, but is `\"v3\"`"
        );
    }
}
