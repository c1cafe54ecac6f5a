//! Options for the listening side of a service: addresses, token and certificate. Each overrides the flow file.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::connection_options::{token, token_of_file};
use super::exit::EarlyExit;
use super::value_parsers::seconds;
use crate::gateway::{Tls, TlsError, Token, Tokens};
use crate::routes::Role;
use crate::spec::{GatewaySpec, TlsFiles, TokenSource, TokenSpec};

/// Default listening address: reachable from this machine only.
const HOST_DEFAULT: &str = "127.0.0.1";

/// Options for the listening side of a service.
#[derive(Debug, Default, Args)]
pub(super) struct ListenOptions {
    /// Port to listen on; may be repeated; 0 picks a free one. Each port serves gRPC, HTTP and WebSocket.
    #[arg(long, value_name = "PORT")]
    port: Vec<u16>,
    /// Port that serves `/live`, `/ready` and `/metrics` alone, with its own limit on connections.
    #[arg(long, value_name = "PORT")]
    health_port: Option<u16>,
    /// Address to listen on.
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// File with a token for all requests, in addition to the flow's `tokens`; default: the environment variable
    /// FLOWRUN_TOKEN.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Server certificate in PEM format; every port then accepts only TLS.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate in PEM format.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// On the first signal, report not ready at `/ready` and keep accepting requests for this time before draining, so that
    /// a load balancer notices.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    drain_delay: Option<Duration>,
    /// Accept clients of other machines without a token.
    #[arg(long)]
    pub(super) insecure: bool,
    /// Open the search page in the program of BROWSER, or else in the browser of the desktop, once the flow is ready.
    #[arg(long)]
    pub(super) open: bool,
}

impl ListenOptions {
    /// Time between the first signal and draining.
    pub(super) fn drain_delay(&self) -> Duration {
        self.drain_delay.unwrap_or_default()
    }

    /// Tokens of the service, one of which every request must carry: the token of the command line or environment, and the
    /// tokens of the flow.
    pub(super) fn tokens(&self, gateway: &GatewaySpec) -> anyhow::Result<Tokens> {
        let own = token(self.token_file.as_deref())?.map(|token| (token, Role::Admin));
        let of_flow = gateway.tokens.iter().map(|spec| Ok((token_of_flow(spec)?, spec.role)));
        Ok(Tokens::new(own.into_iter().chain(of_flow.collect::<anyhow::Result<Vec<_>>>()?)))
    }

    /// True if the command line names a certificate.
    pub(super) fn has_certificate(&self) -> bool {
        self.tls_cert.is_some()
    }

    /// Certificate and key, if the service uses TLS.
    pub(super) fn tls(&self, gateway: &GatewaySpec) -> Result<Option<Tls>, TlsError> {
        let files = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                Some(TlsFiles { certificate: certificate.clone(), key: key.clone() })
            }
            _ => gateway.tls.clone(),
        };
        files.map(Tls::read).transpose()
    }

    /// Addresses to listen on, one per port.
    pub(super) fn addresses(&self, gateway: &GatewaySpec) -> anyhow::Result<Vec<SocketAddr>> {
        let ports = if self.port.is_empty() { gateway.ports.as_slice() } else { self.port.as_slice() };
        let ports = if ports.is_empty() { &[0] } else { ports };
        ports.iter().map(|port| self.address(*port, gateway)).collect()
    }

    /// Address of the port for health and metrics alone, if any.
    pub(super) fn health_address(&self, gateway: &GatewaySpec) -> anyhow::Result<Option<SocketAddr>> {
        self.health_port.or(gateway.health_port).map(|port| self.address(port, gateway)).transpose()
    }

    fn address(&self, port: u16, gateway: &GatewaySpec) -> anyhow::Result<SocketAddr> {
        let host = self.host.as_deref().or(gateway.host.as_deref()).unwrap_or(HOST_DEFAULT);
        let unknown = |reason: String| {
            EarlyExit::usage(format_args!("cannot resolve the listening address `{host}`{reason}"))
        };
        let mut found = (host, port).to_socket_addrs().map_err(|error| unknown(format!(": {error}")))?;
        Ok(found.next().ok_or_else(|| unknown(String::new()))?)
    }
}

/// Reads the value of a token that the flow names.
fn token_of_flow(spec: &TokenSpec) -> anyhow::Result<Token> {
    match &spec.source {
        TokenSource::File(path) => token_of_file(path),
        TokenSource::Variable(name) => {
            let value = std::env::var(name).ok().and_then(|text| Token::new(&text));
            let unset = || {
                EarlyExit::usage(format_args!(
                    "the variable `{name}`, which should contain the token for the role `{}`, is not set; set it with \
                     `{name}=… flowrun …`",
                    spec.role
                ))
            };
            Ok(value.ok_or_else(unset)?)
        }
    }
}
