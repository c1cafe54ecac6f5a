//! Parameters of `RemoteExecutor`.

use std::path::PathBuf;

use flowrun_sdk::{Parameter, ParameterKind, Value};
use serde_json::Map;

use crate::Address;

flowrun_sdk::parameters! {
    /// Addresses and call settings of a remote executor.
    pub(crate) struct RemoteParameters {
        /// Addresses of the executor: `HOST:PORT`, `grpc://HOST:PORT`, or `grpcs://HOST:PORT` for TLS. Several addresses
        /// are replicas.
        addresses: Addresses,
        /// Use TLS at every address.
        tls: bool = false,
        /// PEM file with the trusted certificate authorities or certificates; by default those of this machine.
        ca: Option<PathBuf> = None,
        /// gRPC metadata sent with every call: names and string values.
        metadata: Map<String, Value> = Map::new(),
        /// Limit on one call in milliseconds; -1 for the request's deadline only.
        timeout_send: i64 = -1,
        /// Number of retries, each at the next address, after a failure to connect, a lost connection, or the status
        /// `UNAVAILABLE` or `CANCELLED`; -1 for 3, or the number of addresses if larger. An executor may therefore receive a
        /// call twice.
        retries: i64 = -1,
        /// Schema of the documents sent to the executor.
        schema: SchemaChoice = SchemaChoice::Auto,
        /// Endpoints that change data, `*` for all: a call there that the executor may have received is not retried.
        writes: Vec<String> = Vec::new(),
        /// Environment variable with a token that is sent with every call, as `authorization: Bearer TOKEN`.
        token_variable: Option<String> = None,
        /// File with a token that is sent with every call, as `authorization: Bearer TOKEN`.
        token_file: Option<PathBuf> = None,
        /// Worker of this flow that must answer; each address is that of one replica. Set by `--placement`.
        worker: Option<String> = None,
    }
}

/// One or more addresses: a text with commas between addresses, or a list of such texts.
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

/// The schema of documents sent to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SchemaChoice {
    /// Chosen by the peer's version of docarray; the first schema if it does not report one.
    Auto,
    /// Docarray's first schema (before 0.30).
    V1,
    /// Docarray's second schema (0.30 and later).
    V2,
}

impl Parameter for SchemaChoice {
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
    fn addresses_are_a_text_or_a_list() {
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
