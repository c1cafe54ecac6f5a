//! Options for connecting to a service, and the token that client and server share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use flowrun_remote::{Address, TrustStore};
use flowrun_sdk::guard;

use super::exit::EarlyExit;
use crate::client::{Client, ClientError};
use crate::gateway::Token;
use crate::runtime::EndpointCheck;

/// Maximum size of a token file in bytes.
const TOKEN_BYTES_MAX: u64 = 4096;

/// Time limit for listing the endpoints of the service.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(2);

/// Options for connecting to a service.
#[derive(Debug, Args)]
pub(super) struct ConnectionOptions {
    /// File with the token to send; default: the environment variable FLOWRUN_TOKEN.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Trusted certificate authorities for `grpcs://`, or the server's certificate itself, in PEM format; default: those
    /// of the system.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl ConnectionOptions {
    /// Token to send, if there is one.
    pub(super) fn token(&self) -> anyhow::Result<Option<Token>> {
        token(self.token_file.as_deref())
    }

    /// Opens a connection to the service at `address`.
    pub(super) async fn connect(&self, address: &str, token: Option<&Token>) -> anyhow::Result<Client> {
        let trust = self.trust(address).map_err(EarlyExit::usage)?;
        Client::connect(address, token, trust.as_ref()).await.map_err(|error| match error {
            ClientError::Address(_) | ClientError::Token => EarlyExit::usage(error).into(),
            error => error.into(),
        })
    }

    fn trust(&self, address: &str) -> Result<Option<TrustStore>, String> {
        let Some(file) = &self.ca else { return Ok(None) };
        let tls = address.parse::<Address>().is_ok_and(|address| address.tls());
        if !tls {
            return Err("`--ca` requires TLS; write the address as `grpcs://HOST:PORT`".to_owned());
        }
        TrustStore::file(file).map(Some).map_err(|error| error.to_string())
    }
}

/// Logs a warning if the service does not handle the endpoint by name. A service that does not list its endpoints is not
/// checked.
///
/// # Errors
/// Fails if the connection was lost.
pub(super) async fn check_endpoint(client: &Client, endpoint: &str) -> anyhow::Result<()> {
    match tokio::time::timeout(DISCOVERY_TIMEOUT, client.endpoints()).await {
        Ok(Ok(endpoints)) => EndpointCheck::of_service(endpoints).warn_once(endpoint),
        Ok(Err(error @ ClientError::ConnectionLost(_))) => return Err(error.into()),
        Ok(Err(_)) | Err(_) => {}
    }
    Ok(())
}

/// Reads a token from a file, or from the environment if there is no file.
pub(super) fn token(file: Option<&Path>) -> anyhow::Result<Option<Token>> {
    let Some(path) = file else {
        return Ok(std::env::var(guard::TOKEN_VARIABLE).ok().and_then(|text| Token::new(&text)));
    };
    token_of_file(path).map(Some)
}

/// Reads a token from a file.
pub(super) fn token_of_file(path: &Path) -> anyhow::Result<Token> {
    let text = guard::read_text(path, TOKEN_BYTES_MAX).map_err(EarlyExit::usage)?;
    let none = || EarlyExit::usage(format_args!("{} contains no token", path.display()));
    Ok(Token::new(&text).ok_or_else(none)?)
}
