//! What a flow says about being served.

use std::path::PathBuf;

use super::exposed::{ExposedEndpoint, exposed_endpoints};
use super::fields::Fields;
use super::reader::Reader;
use crate::diagnostic::{Code, Diagnostic, Spanned, did_you_mean};

/// What a flow says about being served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewaySpec {
    /// The address to listen at, or its name; the machine itself alone when absent.
    pub host: Option<String>,
    /// The ports to listen at; any that is free when empty. Each speaks everything.
    pub ports: Vec<u16>,
    /// The title of the service.
    pub title: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// Whether pages from elsewhere may call it.
    pub cors: bool,
    /// Whether `/index`, `/search`, `/update` and `/delete` have no path of their own.
    pub no_crud_endpoints: bool,
    /// Whether `/post` and `/status` are left out.
    pub no_debug_endpoints: bool,
    /// Whether `/dashboard` shows the flow at work.
    pub logserver: bool,
    /// The directories beneath which documents may name files, when the flow is served.
    pub files: Vec<PathBuf>,
    /// Endpoints with a path of their own: the path, and the endpoint that it stands for.
    pub exposed: Vec<ExposedEndpoint>,
    /// The certificate to show; connections are in the clear when absent.
    pub tls: Option<TlsFiles>,
    /// How replies over gRPC are compressed, for clients that accept it.
    pub compression: Option<Compression>,
    /// Where what became of requests is told.
    pub traces: TracesSpec,
}

/// A way to make messages smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// As in files of that name.
    Gzip,
    /// The same, with a shorter head.
    Deflate,
}

/// What a flow says about telling a collector what became of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TracesSpec {
    /// Whether it is told; where the flow does not say, the environment may.
    pub enabled: Option<bool>,
    /// The collector's address.
    pub host: Option<String>,
    /// Its port.
    pub port: Option<u16>,
}

/// Where a certificate and its key lie, both in PEM form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and behind it those that vouch for it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What clients may speak. Every port speaks all of it.
const PROTOCOLS: [&str; 3] = ["GRPC", "HTTP", "WEBSOCKET"];

/// The settings of the gateway among those of the flow.
pub(super) fn gateway(fields: &Fields<'_>, reader: &mut Reader<'_>) -> GatewaySpec {
    protocols(fields, reader);
    let text = |key| fields.text(key).map(|text| text.value.to_owned());
    let flag = |key| fields.flag(key) == Some(true);
    GatewaySpec {
        host: text("host"),
        ports: ports(fields, reader),
        title: text("title"),
        description: text("description"),
        cors: flag("cors"),
        no_crud_endpoints: flag("no_crud_endpoints"),
        no_debug_endpoints: flag("no_debug_endpoints"),
        logserver: flag("logserver"),
        files: reader.paths(fields.node("files")).into_iter().map(|path| path.value).collect(),
        exposed: fields
            .node("expose_endpoints")
            .map(|node| exposed_endpoints(node, flag("no_crud_endpoints"), reader))
            .unwrap_or_default(),
        tls: tls(fields, reader),
        compression: match text("compression").map(|word| word.to_ascii_lowercase()).as_deref() {
            Some("gzip") => Some(Compression::Gzip),
            Some("deflate") => Some(Compression::Deflate),
            _ => None,
        },
        traces: TracesSpec {
            enabled: fields.flag("tracing"),
            host: text("traces_exporter_host"),
            port: fields.count("traces_exporter_port").and_then(|port| u16::try_from(port.value).ok()),
        },
    }
}

/// A certificate is of use with its key alone.
fn tls(fields: &Fields<'_>, reader: &mut Reader<'_>) -> Option<TlsFiles> {
    const KEYS: [&str; 2] = ["ssl_certfile", "ssl_keyfile"];
    match KEYS.map(|key| reader.path(fields.node(key))) {
        [Some(certificate), Some(key)] => Some(TlsFiles { certificate, key }),
        [None, None] => None,
        [certificate, _] => {
            let [there, missing] = if certificate.is_some() { KEYS } else { [KEYS[1], KEYS[0]] };
            if let Some(span) = fields.key_span(there) {
                let message = format!("`{there}` is of use with `{missing}` alone");
                let help = format!("write `{missing}: FILE` beside it");
                reader.report.push(Diagnostic::at(Code::MissingKey, span, message).help(help));
            }
            None
        }
    }
}

fn ports(fields: &Fields<'_>, reader: &mut Reader<'_>) -> Vec<u16> {
    let texts = fields.texts("port").or_else(|| fields.texts("port_expose")).unwrap_or_default();
    let mut ports = Vec::new();
    for Spanned { value, span } in texts {
        match value.trim().parse() {
            Ok(port) => ports.push(port),
            Err(_) => {
                let message = format!("`{value}` is not a port");
                let help = "write a number up to 65535, or 0 for any port that is free";
                reader.report.push(Diagnostic::at(Code::OutOfRange, span, message).help(help));
            }
        }
    }
    ports
}

/// Every port speaks everything, so all there is to say about protocols is whether they are any.
fn protocols(fields: &Fields<'_>, reader: &mut Reader<'_>) {
    for Spanned { value, span } in fields.texts("protocol").unwrap_or_default() {
        if !PROTOCOLS.iter().any(|known| known.eq_ignore_ascii_case(value)) {
            let message = format!("`{value}` is not a protocol");
            let help = did_you_mean(value, PROTOCOLS)
                .unwrap_or_else(|| format!("clients may speak {}", PROTOCOLS.join(", ")));
            reader.report.push(Diagnostic::at(Code::WrongType, span, message).help(help));
        }
    }
}
