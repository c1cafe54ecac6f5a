//! Address and protocol of the trace collector: from the flow's keys (Jina's), or else from the environment variables
//! of OpenTelemetry.

use std::collections::BTreeMap;

use axum::http::{HeaderName, HeaderValue, Uri};

use crate::spec::TracesSpec;

/// A trace collector.
#[derive(Clone, Debug)]
pub struct Collector {
    pub(super) protocol: Protocol,
    /// Host and port.
    pub(super) authority: String,
    /// Path of the endpoint for the protocol HTTP; gRPC has a fixed path.
    pub(super) path: String,
    /// Headers of every request, such as an API key. Never logged: see [`Collector::address`].
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Resource attributes from the environment.
    attributes: BTreeMap<String, String>,
}

/// Protocol of the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Grpc,
    Http,
}

/// Error in the configuration of the collector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CollectorError {
    /// The address is invalid.
    #[error("{name} is `{value}`, which is not the address of a collector; write `http://HOST:PORT`")]
    Address {
        /// Variable or key that sets the address.
        name: String,
        /// The address.
        value: String,
    },
    /// The address requires TLS.
    #[error(
        "{name} is `{value}`, and traces are exported without TLS only; write `http://HOST:PORT` of a collector on this \
         machine, which can forward them over TLS"
    )]
    Tls {
        /// Variable or key that sets the address.
        name: String,
        /// The address.
        value: String,
    },
    /// The protocol is not supported.
    #[error("{name} is `{value}`; write `grpc` or `http/protobuf`")]
    Protocol {
        /// The variable.
        name: String,
        /// Value of the variable.
        value: String,
    },
    /// A header is invalid.
    #[error("{name} has an entry that is not a valid header; write `NAME=VALUE,NAME=VALUE`")]
    Header {
        /// The variable.
        name: String,
    },
    /// The flow enables tracing without an address.
    #[error("the flow has `tracing: true` without a collector; add `traces_exporter_host: HOST`")]
    Nowhere,
}

/// Default port of collectors for gRPC.
const GRPC_PORT: u16 = 4317;

impl Collector {
    /// Reads the configuration from the flow, or else from environment variables. `None` if neither configures a
    /// collector, or tracing is disabled.
    ///
    /// # Errors
    /// When the configuration is invalid.
    pub fn from_spec(
        spec: &TracesSpec,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, CollectorError> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        if spec.enabled == Some(false)
            || set("OTEL_SDK_DISABLED").is_some_and(|word| word.eq_ignore_ascii_case("true"))
        {
            return Ok(None);
        }
        let mut attributes: BTreeMap<String, String> =
            pairs(&set("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default()).collect();
        attributes.extend(set("OTEL_SERVICE_NAME").map(|name| ("service.name".to_owned(), name)));
        let headers = first(set, ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"]);
        let headers = headers.map_or(Ok(Vec::new()), |(name, value)| read_headers(&name, &value))?;
        let collector =
            |protocol, authority, path| Some(Self { protocol, authority, path, headers, attributes });
        if let (Some(true), Some(host)) = (spec.enabled, &spec.host) {
            // Jina's exporter uses gRPC.
            let host = host.trim_start_matches("http://").trim_end_matches('/');
            let port = spec.port.unwrap_or(GRPC_PORT);
            let uri = read_address("traces_exporter_host", &format!("http://{host}:{port}"))?;
            return Ok(collector(Protocol::Grpc, authority(&uri), String::new()));
        }
        let endpoint = first(set, ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]);
        let Some((name, endpoint)) = endpoint else {
            return if spec.enabled == Some(true) { Err(CollectorError::Nowhere) } else { Ok(None) };
        };
        let uri = read_address(&name, &endpoint)?;
        let configured = first(set, ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]);
        let protocol = match configured.as_ref().map(|(name, value)| (name, value.trim())) {
            Some((_, "grpc")) => Protocol::Grpc,
            Some((_, "http/protobuf")) => Protocol::Http,
            Some((name, value)) => {
                return Err(CollectorError::Protocol { name: name.clone(), value: value.to_owned() });
            }
            None if uri.port_u16() == Some(GRPC_PORT) => Protocol::Grpc,
            None => Protocol::Http,
        };
        // The general endpoint is the base of all signals; that of traces is used unchanged.
        let path = match name.contains("TRACES") {
            true => uri.path().to_owned(),
            false => format!("{}/v1/traces", uri.path().trim_end_matches('/')),
        };
        Ok(collector(protocol, authority(&uri), path))
    }

    /// Host and port, for the log.
    pub(super) fn address(&self) -> &str {
        &self.authority
    }

    /// Resource attributes of the service: those of the environment, else the flow's name and flowrun's version.
    pub(super) fn service(&self, flow: &str) -> Vec<(String, String)> {
        let mut attributes = self.attributes.clone();
        let name = if flow.is_empty() { env!("CARGO_PKG_NAME") } else { flow };
        attributes.entry("service.name".to_owned()).or_insert_with(|| name.to_owned());
        attributes
            .entry("service.version".to_owned())
            .or_insert_with(|| env!("CARGO_PKG_VERSION").to_owned());
        attributes.into_iter().collect()
    }
}

/// Name and value of the first variable that is set.
fn first(set: impl Fn(&str) -> Option<String>, names: [&str; 2]) -> Option<(String, String)> {
    names.into_iter().find_map(|name| Some((name.to_owned(), set(name)?)))
}

fn read_address(name: &str, value: &str) -> Result<Uri, CollectorError> {
    let (name, value) = (name.to_owned(), value.trim().to_owned());
    match value.parse::<Uri>() {
        Ok(uri) if uri.scheme_str() == Some("http") && uri.host().is_some() => Ok(uri),
        Ok(uri) if uri.scheme_str() == Some("https") => Err(CollectorError::Tls { name, value }),
        _ => Err(CollectorError::Address { name, value }),
    }
}

fn authority(uri: &Uri) -> String {
    format!("{}:{}", uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(80))
}

/// Parses `NAME=VALUE,NAME=VALUE`, percent-encoded.
fn pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    text.split(',').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((percent_decoded(name.trim()), percent_decoded(value.trim())))
    })
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, following)) = rest.split_first() {
        let digits = (*first == b'%').then(|| following.get(..2)).flatten();
        let byte = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { following.get(2..).unwrap_or_default() } else { following };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn read_headers(name: &str, text: &str) -> Result<Vec<(HeaderName, HeaderValue)>, CollectorError> {
    let header = |(name, value): (String, String)| {
        let mut value = HeaderValue::try_from(value).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::try_from(name).ok()?, value))
    };
    let headers: Option<Vec<_>> = pairs(text).map(header).collect();
    headers.ok_or_else(|| CollectorError::Header { name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collector(
        on: Option<bool>,
        host: Option<&str>,
        variables: &[(&str, &str)],
    ) -> Result<Option<Collector>, CollectorError> {
        let flow = TracesSpec { enabled: on, host: host.map(str::to_owned), port: None };
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Collector::from_spec(&flow, variable)
    }

    fn endpoint(variables: &[(&str, &str)]) -> (Protocol, String, String) {
        let collector = collector(None, None, variables).unwrap().unwrap();
        (collector.protocol, collector.authority, collector.path)
    }

    #[test]
    fn the_flow_overrides_the_environment() {
        const GENERAL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
        const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
        assert!(collector(None, None, &[]).unwrap().is_none());
        let from_flow =
            collector(Some(true), Some("there"), &[(GENERAL, "http://elsewhere")]).unwrap().unwrap();
        assert_eq!((from_flow.protocol, from_flow.address()), (Protocol::Grpc, "there:4317"));
        assert!(collector(Some(false), None, &[(GENERAL, "http://there")]).unwrap().is_none());
        assert!(
            collector(None, None, &[(GENERAL, "http://there"), ("OTEL_SDK_DISABLED", "true")])
                .unwrap()
                .is_none()
        );
        let http = |path: &str| (Protocol::Http, "there:4318".to_owned(), path.to_owned());
        assert_eq!(endpoint(&[(GENERAL, "http://there:4318")]), http("/v1/traces"));
        assert_eq!(endpoint(&[(GENERAL, "http://there:4318/a/")]), http("/a/v1/traces"));
        assert_eq!(endpoint(&[(GENERAL, "http://x"), (TRACES, "http://there:4318/own")]), http("/own"));
        assert_eq!(endpoint(&[(GENERAL, "http://there:4317")]).0, Protocol::Grpc);
        assert_eq!(
            endpoint(&[(GENERAL, "http://there"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).0,
            Protocol::Grpc
        );
    }

    #[test]
    fn errors_name_the_invalid_variable_and_hide_headers() {
        let error = |on, variables: &[(&str, &str)]| collector(on, None, variables).unwrap_err().to_string();
        assert!(error(Some(true), &[]).contains("traces_exporter_host"));
        assert!(
            error(None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "there")])
                .contains("`there`, which is not the address")
        );
        assert!(
            error(None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://there")]).contains("without TLS only")
        );
        let wrong =
            [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")];
        assert!(error(None, &wrong).contains("`http/json`"));
        let wrong =
            [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a"), ("OTEL_EXPORTER_OTLP_HEADERS", "a key=secret")];
        assert!(!error(None, &wrong).contains("secret"));
    }

    #[test]
    fn resource_attributes_come_from_the_environment() {
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a"),
            ("OTEL_SERVICE_NAME", "mine"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,team=a%20b"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s%3Dt"),
        ];
        let collector = collector(None, None, &variables).unwrap().unwrap();
        let service = collector.service("flow");
        assert!(service.contains(&("service.name".to_owned(), "mine".to_owned())), "{service:?}");
        assert!(service.contains(&("team".to_owned(), "a b".to_owned())), "{service:?}");
        assert_eq!(collector.headers[0].1, "s=t");
        assert!(!format!("{collector:?}").contains("s=t"));
    }
}
