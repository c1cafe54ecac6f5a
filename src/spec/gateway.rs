//! Reads the settings for serving a flow.

use std::path::PathBuf;

use super::choices::Compression;
use super::cors::{Cors, cors};
use super::exposed::{ExposedEndpoint, exposed_endpoints};
use super::fields::Fields;
use super::keys::{
    ALLOWED_HOSTS, COMPRESSION, CORS, DESCRIPTION, EXPOSE_ENDPOINTS, FILES, HEALTH_PORT, HOST, LOGSERVER,
    NO_CRUD_ENDPOINTS, NO_DEBUG_ENDPOINTS, PORT, PORT_EXPOSE, PROTOCOL, SSL_CERTFILE, SSL_KEYFILE, TITLE,
    TOKENS, TRACES_EXPORTER_HOST, TRACES_EXPORTER_PORT, TRACING,
};
use super::reader::Reader;
use super::tokens::{TokenSpec, tokens};
use crate::diagnostic::{Code, Diagnostic, Spanned, did_you_mean};

/// Settings for serving a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GatewaySpec {
    /// Address or host name to listen on; loopback if absent.
    pub host: Option<String>,
    /// Ports to listen on; any free port if empty. Each serves every protocol.
    pub ports: Vec<u16>,
    /// Port for health and metrics alone, if any.
    pub health_port: Option<u16>,
    /// Title of the service.
    pub title: Option<String>,
    /// Description of the service.
    pub description: Option<String>,
    /// Origins of the web pages that may call the service.
    pub cors: Cors,
    /// Names that are accepted in the `Host` header in addition to `localhost`, loopback addresses and [`host`](Self::host);
    /// `*` accepts any. They apply only while the flow is served on loopback without a token.
    pub allowed_hosts: Vec<String>,
    /// Tokens of clients, in addition to the token of `--token-file` or FLOWRUN_TOKEN.
    pub tokens: Vec<TokenSpec>,
    /// True if `/index`, `/search`, `/update` and `/delete` are refused, except at paths of [`exposed`](Self::exposed).
    pub no_crud_endpoints: bool,
    /// True if `/post` and `/status` have no HTTP path.
    pub no_debug_endpoints: bool,
    /// True if `/dashboard` is served, which shows the running flow.
    pub logserver: bool,
    /// Directories with files that the URIs of clients' documents may refer to.
    pub files: Vec<PathBuf>,
    /// Endpoints with their own HTTP path.
    pub exposed: Vec<ExposedEndpoint>,
    /// Certificate and key; without them connections are not encrypted.
    pub tls: Option<TlsFiles>,
    /// Compression of gRPC replies, for clients that accept it.
    pub compression: Option<Compression>,
    /// Export of traces.
    pub traces: TracesSpec,
}

/// Export of traces to an OpenTelemetry collector.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TracesSpec {
    /// True exports traces, false does not; if absent, the `OTEL_…` environment variables decide.
    pub enabled: Option<bool>,
    /// Address of the collector, used only if `enabled` is true; if absent, the `OTEL_…` environment variables set it.
    pub host: Option<String>,
    /// Port of the collector at `host`; 4317 if absent.
    pub port: Option<u16>,
}

/// Files of a certificate and its key, both in PEM format.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TlsFiles {
    /// The certificate, followed by its chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Protocols of clients. Every port serves all of them.
const PROTOCOLS: [&str; 3] = ["GRPC", "HTTP", "WEBSOCKET"];

/// Reads the settings of the gateway from the flow's `with:`.
pub(super) fn gateway(with: &Fields<'_>, reader: &mut Reader<'_>) -> GatewaySpec {
    check_protocols(with, reader);
    let owned = |text: Spanned<&str>| text.value.to_owned();
    let port = with.get(&TRACES_EXPORTER_PORT);
    let health_port = with.get(&HEALTH_PORT);
    let no_crud_endpoints = with.get(&NO_CRUD_ENDPOINTS).unwrap_or(false);
    let exposed = with.get(&EXPOSE_ENDPOINTS);
    let allowed_hosts = with.get(&ALLOWED_HOSTS).unwrap_or_default();
    GatewaySpec {
        host: with.get(&HOST).map(owned),
        ports: ports(with, reader),
        health_port: health_port.and_then(|port| u16::try_from(port.value).ok()),
        title: with.get(&TITLE).map(owned),
        description: with.get(&DESCRIPTION).map(owned),
        cors: with.get(&CORS).map(|node| cors(node, reader)).unwrap_or_default(),
        allowed_hosts: allowed_hosts.into_iter().map(|host| host.value.to_owned()).collect(),
        tokens: with.get(&TOKENS).map(|items| tokens(items, reader)).unwrap_or_default(),
        no_crud_endpoints,
        no_debug_endpoints: with.get(&NO_DEBUG_ENDPOINTS).unwrap_or(false),
        logserver: with.get(&LOGSERVER).unwrap_or(false),
        files: reader.paths(with.get(&FILES)).into_iter().map(|path| path.value).collect(),
        exposed: exposed.map(|node| exposed_endpoints(node, no_crud_endpoints, reader)).unwrap_or_default(),
        tls: tls(with, reader),
        compression: with.get(&COMPRESSION).flatten(),
        traces: TracesSpec {
            enabled: with.get(&TRACING),
            host: with.get(&TRACES_EXPORTER_HOST).map(owned),
            port: port.and_then(|port| u16::try_from(port.value).ok()),
        },
    }
}

/// Reads the certificate and its key, and reports one without the other.
fn tls(with: &Fields<'_>, reader: &mut Reader<'_>) -> Option<TlsFiles> {
    const KEYS: [&str; 2] = [SSL_CERTFILE.name().as_str(), SSL_KEYFILE.name().as_str()];
    let spans = [with.key_span(&SSL_CERTFILE), with.key_span(&SSL_KEYFILE)];
    match [reader.path(with.get(&SSL_CERTFILE)), reader.path(with.get(&SSL_KEYFILE))] {
        [Some(certificate), Some(key)] => Some(TlsFiles { certificate, key }),
        [None, None] => None,
        [certificate, _] => {
            let [present, missing] = if certificate.is_some() { KEYS } else { [KEYS[1], KEYS[0]] };
            if let Some(span) = spans.into_iter().flatten().next() {
                let message = format!("`{present}` requires `{missing}`");
                let help = format!("add `{missing}: FILE`");
                reader.report.push(Diagnostic::at(Code::MissingKey, span, message).help(help));
            }
            None
        }
    }
}

fn ports(with: &Fields<'_>, reader: &mut Reader<'_>) -> Vec<u16> {
    let texts = with.get(&PORT).or_else(|| with.get(&PORT_EXPOSE)).unwrap_or_default();
    let mut ports = Vec::new();
    for Spanned { value, span } in texts {
        match value.trim().parse() {
            Ok(port) => ports.push(port),
            Err(_) => {
                let message = format!("`{value}` is not a port");
                let help = "write a number up to 65535, or 0 for any free port";
                reader.report.push(Diagnostic::at(Code::OutOfRange, span, message).help(help));
            }
        }
    }
    ports
}

/// Checks that `protocol` names protocols. It has no other effect: every port serves all of them.
fn check_protocols(with: &Fields<'_>, reader: &mut Reader<'_>) {
    for Spanned { value, span } in with.get(&PROTOCOL).unwrap_or_default() {
        if !PROTOCOLS.iter().any(|known| known.eq_ignore_ascii_case(value)) {
            let message = format!("`{value}` is not a protocol");
            let help = did_you_mean(value, PROTOCOLS)
                .unwrap_or_else(|| format!("the protocols are {}", PROTOCOLS.join(", ")));
            reader.report.push(Diagnostic::at(Code::WrongType, span, message).help(help));
        }
    }
}
