//! Where the collector is: what the flow says in Jina's keys, or else the variables that OpenTelemetry names.

use std::collections::BTreeMap;

use axum::http::{HeaderName, HeaderValue, Uri};

use crate::spec::TracesSpec;

/// A collector of traces.
#[derive(Clone, Debug)]
pub struct Collector {
    pub(super) protocol: Protocol,
    /// Host and port.
    pub(super) authority: String,
    /// Where spans go, over HTTP.
    pub(super) path: String,
    /// What is sent along, such as a key. Never printed: see [`Collector::address`].
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// What the environment says about the service.
    attributes: BTreeMap<String, String>,
}

/// What the collector speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Grpc,
    Http,
}

/// Why traces cannot go where they should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CollectorError {
    /// The address is none.
    #[error("{name} is `{value}`, which is no address of a collector; write `http://HOST:PORT`")]
    Address {
        /// What says so.
        name: String,
        /// The address.
        value: String,
    },
    /// The connection would have to be kept from being read.
    #[error(
        "{name} is `{value}`, and traces are sent in the clear alone; write `http://HOST:PORT` of a collector on this \
         machine, which may pass them on by TLS"
    )]
    Tls {
        /// What says so.
        name: String,
        /// The address.
        value: String,
    },
    /// Nobody speaks that here.
    #[error("{name} is `{value}`; write `grpc` or `http/protobuf`")]
    Protocol {
        /// The variable.
        name: String,
        /// What it says.
        value: String,
    },
    /// Something to send along cannot be.
    #[error("{name} has an entry that is no header; write `NAME=VALUE,NAME=VALUE`")]
    Header {
        /// The variable.
        name: String,
    },
    /// The flow wants traces and nothing says where to.
    #[error(
        "the flow says `tracing: true` and nothing says where traces go; write `traces_exporter_host: HOST` beside it"
    )]
    Nowhere,
}

/// Where collectors take spans over gRPC, unless something else is said.
const GRPC_PORT: u16 = 4317;

impl Collector {
    /// Where the flow says that traces go, or else the environment. `None` when neither does, or the flow says no.
    ///
    /// # Errors
    /// What of it cannot be followed.
    pub fn from_spec(
        flow: &TracesSpec,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, CollectorError> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        if flow.enabled == Some(false)
            || set("OTEL_SDK_DISABLED").is_some_and(|word| word.eq_ignore_ascii_case("true"))
        {
            return Ok(None);
        }
        let mut attributes: BTreeMap<String, String> =
            pairs(&set("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default()).collect();
        attributes.extend(set("OTEL_SERVICE_NAME").map(|name| ("service.name".to_owned(), name)));
        let headers = first(set, ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"]);
        let headers = headers.map_or(Ok(Vec::new()), |(name, value)| read_headers(&name, &value))?;
        let made = |protocol, authority, path| Some(Self { protocol, authority, path, headers, attributes });
        if let (Some(true), Some(host)) = (flow.enabled, &flow.host) {
            // Jina's exporter speaks gRPC.
            let host = host.trim_start_matches("http://").trim_end_matches('/');
            let port = flow.port.unwrap_or(GRPC_PORT);
            let uri = read_address("traces_exporter_host", &format!("http://{host}:{port}"))?;
            return Ok(made(Protocol::Grpc, authority(&uri), String::new()));
        }
        let endpoint = first(set, ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"]);
        let Some((name, endpoint)) = endpoint else {
            return if flow.enabled == Some(true) { Err(CollectorError::Nowhere) } else { Ok(None) };
        };
        let uri = read_address(&name, &endpoint)?;
        let said = first(set, ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]);
        let protocol = match said.as_ref().map(|(name, value)| (name, value.trim())) {
            Some((_, "grpc")) => Protocol::Grpc,
            Some((_, "http/protobuf")) => Protocol::Http,
            Some((name, value)) => {
                return Err(CollectorError::Protocol { name: name.clone(), value: value.to_owned() });
            }
            None if uri.port_u16() == Some(GRPC_PORT) => Protocol::Grpc,
            None => Protocol::Http,
        };
        // The general address is that of all signals, and each has its path below it.
        let path = match name.contains("TRACES") {
            true => uri.path().to_owned(),
            false => format!("{}/v1/traces", uri.path().trim_end_matches('/')),
        };
        Ok(made(protocol, authority(&uri), path))
    }

    /// Where it is, for the log.
    pub(super) fn address(&self) -> &str {
        &self.authority
    }

    /// What is said about the service: what the environment says, and else the flow's name.
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

/// The first of two variables that is set, with its name.
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

/// `NAME=VALUE,NAME=VALUE`, in which `%XX` stands for a byte.
fn pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    text.split(',').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((decoded(name.trim()), decoded(value.trim())))
    })
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = (*first == b'%').then(|| behind.get(..2)).flatten();
        let byte = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
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

    fn place(variables: &[(&str, &str)]) -> (Protocol, String, String) {
        let collector = collector(None, None, variables).unwrap().unwrap();
        (collector.protocol, collector.authority, collector.path)
    }

    #[test]
    fn the_flow_and_the_variables_say_where_traces_go() {
        const GENERAL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
        const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
        assert!(collector(None, None, &[]).unwrap().is_none());
        let of_flow =
            collector(Some(true), Some("there"), &[(GENERAL, "http://elsewhere")]).unwrap().unwrap();
        assert_eq!((of_flow.protocol, of_flow.address()), (Protocol::Grpc, "there:4317"));
        assert!(collector(Some(false), None, &[(GENERAL, "http://there")]).unwrap().is_none());
        assert!(
            collector(None, None, &[(GENERAL, "http://there"), ("OTEL_SDK_DISABLED", "true")])
                .unwrap()
                .is_none()
        );
        let http = |path: &str| (Protocol::Http, "there:4318".to_owned(), path.to_owned());
        assert_eq!(place(&[(GENERAL, "http://there:4318")]), http("/v1/traces"));
        assert_eq!(place(&[(GENERAL, "http://there:4318/a/")]), http("/a/v1/traces"));
        assert_eq!(place(&[(GENERAL, "http://x"), (TRACES, "http://there:4318/own")]), http("/own"));
        assert_eq!(place(&[(GENERAL, "http://there:4317")]).0, Protocol::Grpc);
        assert_eq!(
            place(&[(GENERAL, "http://there"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).0,
            Protocol::Grpc
        );
    }

    #[test]
    fn what_cannot_be_followed_is_named() {
        let error = |on, variables: &[(&str, &str)]| collector(on, None, variables).unwrap_err().to_string();
        assert!(error(Some(true), &[]).contains("traces_exporter_host"));
        assert!(
            error(None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "there")]).contains("`there`, which is no address")
        );
        assert!(
            error(None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://there")]).contains("in the clear alone")
        );
        let wrong =
            [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")];
        assert!(error(None, &wrong).contains("`http/json`"));
        let wrong =
            [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a"), ("OTEL_EXPORTER_OTLP_HEADERS", "a key=secret")];
        assert!(!error(None, &wrong).contains("secret"));
    }

    #[test]
    fn the_environment_names_the_service() {
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
