//! Options for the listening side of a service: addresses, token and certificate. Each overrides the flow file.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::connection_options::token;
use super::exit::EarlyExit;
use super::value_parsers::seconds;
use crate::gateway::{Tls, TlsError, Token};
use crate::spec::{GatewaySpec, TlsFiles};

/// Default listening address: reachable from this machine only.
const HOST_DEFAULT: &str = "127.0.0.1";

/// Options for the listening side of a service.
#[derive(Debug, Default, Args)]
pub(super) struct ListenOptions {
    /// Port to listen on; may be repeated; 0 picks a free one. Each port serves gRPC, HTTP and WebSocket.
    #[arg(long, value_name = "PORT")]
    port: Vec<u16>,
    /// Address to listen on.
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// File with the token that clients must send; default: the environment variable FLOWRUN_TOKEN.
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
}

impl ListenOptions {
    /// Time between the first signal and draining.
    pub(super) fn drain_delay(&self) -> Duration {
        self.drain_delay.unwrap_or_default()
    }

    /// Token that clients must send, if there is one.
    pub(super) fn token(&self) -> anyhow::Result<Option<Token>> {
        token(self.token_file.as_deref())
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
        let host = self.host.as_deref().or(gateway.host.as_deref()).unwrap_or(HOST_DEFAULT);
        let ports = if self.port.is_empty() { gateway.ports.as_slice() } else { self.port.as_slice() };
        let ports = if ports.is_empty() { &[0] } else { ports };
        let address = |port: &u16| {
            let unknown = |reason: String| {
                EarlyExit::usage(format_args!("cannot resolve the listening address `{host}`{reason}"))
            };
            let mut found = (host, *port).to_socket_addrs().map_err(|error| unknown(format!(": {error}")))?;
            Ok(found.next().ok_or_else(|| unknown(String::new()))?)
        };
        ports.iter().map(address).collect()
    }
}
