//! TLS: loads the gateway's certificate and key, and reloads them when the files change.
//!
//! Client certificates are not supported (clients send a token), nor are certificates issued over ACME.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowrun_sdk::guard::{self, GuardError};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{Error, InconsistentKeys, ServerConfig, crypto};
use tokio_rustls::server::TlsStream;

use crate::limits::{TLS_FILE_BYTES_MAX, TLS_HANDSHAKE_TIMEOUT, TLS_RELOAD_INTERVAL};
use crate::spec::TlsFiles;

/// Application protocols offered by ALPN, the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Certificate and key with which the gateway serves TLS.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    /// Maximum duration of a handshake.
    handshake: Duration,
    /// Minimum interval between checks of the files.
    interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    config: Arc<ServerConfig>,
    /// State of the files when they were last read, with or without success.
    stamp: Stamp,
    /// Time of the last check of the files.
    checked: Instant,
}

/// Error that makes a certificate unusable.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] GuardError),
    /// The certificate file contains no certificate.
    #[error(
        "{} contains no certificate: it must be in PEM form (`-----BEGIN CERTIFICATE-----`), followed by the intermediate certificates",
        .0.display()
    )]
    NoCertificate(PathBuf),
    /// The key file contains no usable key.
    #[error(
        "{} contains no usable private key: it must be in PEM form (`-----BEGIN PRIVATE KEY-----`), without a password; \
         `openssl pkey -in FILE` removes a password",
        .0.display()
    )]
    NoKey(PathBuf),
    /// A file is not valid PEM.
    #[error("{} is not valid PEM: {cause}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Error of the PEM decoder.
        cause: PemError,
    },
    /// The key is not that of the certificate.
    #[error(
        "the private key in {} does not match the certificate in {}: the first certificate in that file must be the \
         one of the key",
        .0.key.display(), .0.certificate.display()
    )]
    Mismatch(TlsFiles),
    /// The certificate or the key is not supported by the TLS library.
    #[error("{} and {} cannot be used for TLS: {cause}", files.certificate.display(), files.key.display())]
    Unusable {
        /// The files.
        files: TlsFiles,
        /// Error of the TLS library.
        cause: Error,
    },
}

impl Tls {
    /// Reads a certificate and its private key.
    ///
    /// # Errors
    /// When a file is missing or invalid, or the two do not match.
    pub fn read(files: TlsFiles) -> Result<Self, TlsError> {
        // Taken before the files are read, so that a change in between is noticed at the next check.
        let stamp = Stamp::of(&files);
        let config = Arc::new(config(&files)?);
        let state = Mutex::new(State { config, stamp, checked: Instant::now() });
        Ok(Self { files, handshake: TLS_HANDSHAKE_TIMEOUT, interval: TLS_RELOAD_INTERVAL, state })
    }

    /// Sets the maximum duration of a handshake, and the minimum interval between checks of the files.
    #[must_use]
    pub fn with_times(self, handshake: Duration, interval: Duration) -> Self {
        Self { handshake, interval, ..self }
    }

    /// Performs the handshake with a client.
    ///
    /// # Errors
    /// The reason for which the handshake failed, for the log.
    pub(super) async fn accept(self: &Arc<Self>, stream: TcpStream) -> Result<TlsStream<TcpStream>, String> {
        let acceptor = TlsAcceptor::from(self.current().await);
        match tokio::time::timeout(self.handshake, acceptor.accept(stream)).await {
            Ok(accepted) => accepted.map_err(|error| format!("the TLS handshake failed: {error}")),
            Err(_) => Err("the client did not finish the TLS handshake in time".to_owned()),
        }
    }

    /// The current configuration. At most one caller per interval waits for a check of the files.
    async fn current(self: &Arc<Self>) -> Arc<ServerConfig> {
        {
            let mut state = self.state.lock();
            if state.checked.elapsed() < self.interval {
                return Arc::clone(&state.config);
            }
            state.checked = Instant::now();
        }
        let tls = Arc::clone(self);
        // Reading the files may block.
        let _ = tokio::task::spawn_blocking(move || tls.reload()).await;
        Arc::clone(&self.state.lock().config)
    }

    /// Reloads the files if they have changed. Unusable files are logged once, and the previous certificate stays in
    /// use.
    fn reload(&self) {
        let stamp = Stamp::of(&self.files);
        if self.state.lock().stamp == stamp {
            return;
        }
        let read = config(&self.files);
        let mut state = self.state.lock();
        state.stamp = stamp;
        match read {
            Ok(config) => {
                state.config = Arc::new(config);
                tracing::info!("reloaded the certificate {}", self.files.certificate.display());
            }
            Err(error) => tracing::warn!("keeping the previous certificate: {error}"),
        }
    }
}

/// Identity of a pair of files: inode, size and modification time of each, `None` for a missing file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp([Option<(u64, u64, i64, i64)>; 2]);

impl Stamp {
    fn of(files: &TlsFiles) -> Self {
        // The inode changes when a file is replaced by a rename, or in containers by a changed link.
        let stamp = |found: Metadata| (found.ino(), found.len(), found.mtime(), found.mtime_nsec());
        Self([&files.certificate, &files.key].map(|path| std::fs::metadata(path).ok().map(stamp)))
    }
}

/// Reads the TLS configuration with the certificate and the key in these files.
fn config(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let certificates = certificates(&files.certificate)?;
    let key = key(&files.key)?;
    let unusable = |cause| match cause {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Mismatch(files.clone()),
        cause => TlsError::Unusable { files: files.clone(), cause },
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(unusable)?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(config)
}

/// The certificate in a file, followed by its intermediate certificates.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = guard::read_file(path, TLS_FILE_BYTES_MAX)?;
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(guard::without_byte_order_mark(&bytes)).collect();
    match found {
        Ok(found) if found.is_empty() => Err(TlsError::NoCertificate(path.to_owned())),
        Ok(found) => Ok(found),
        Err(cause) => Err(TlsError::Damaged { path: path.to_owned(), cause }),
    }
}

/// The private key in a file.
fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bytes = guard::read_file(path, TLS_FILE_BYTES_MAX)?;
    PrivateKeyDer::from_pem_slice(guard::without_byte_order_mark(&bytes)).map_err(|cause| match cause {
        PemError::NoItemsFound => TlsError::NoKey(path.to_owned()),
        cause => TlsError::Damaged { path: path.to_owned(), cause },
    })
}

#[cfg(test)]
mod tests {
    use rcgen::generate_simple_self_signed;

    use super::*;

    /// Writes two files, and returns the error of reading them.
    fn error(certificate: &str, key: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let files = TlsFiles { certificate: at("tls.crt"), key: at("tls.key") };
        std::fs::write(&files.certificate, certificate).unwrap();
        std::fs::write(&files.key, key).unwrap();
        Tls::read(files).unwrap_err().to_string()
    }

    #[test]
    fn errors_name_the_unusable_file_and_the_cause() {
        let made = || generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (one, other) = (made(), made());
        let (certificate, key) = (one.cert.pem(), one.signing_key.serialize_pem());
        let mismatch = error(&certificate, &other.signing_key.serialize_pem());
        assert!(mismatch.contains("tls.key does not match the certificate in"), "{mismatch}");
        let swapped = error(&key, &certificate);
        assert!(swapped.contains("tls.crt contains no certificate"), "{swapped}");
        let keyless = error(&certificate, &certificate);
        assert!(keyless.contains("tls.key contains no usable private key"), "{keyless}");
        let locked = error(&certificate, &key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"));
        assert!(locked.contains("removes a password"), "{locked}");
        let damaged = error(&certificate.replace("\n-----END", "!\n-----END"), &key);
        assert!(damaged.contains("tls.crt is not valid PEM"), "{damaged}");
        let fake = error("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &key);
        assert!(fake.contains("cannot be used for TLS"), "{fake}");
        let files = TlsFiles { certificate: "missing.crt".into(), key: "missing.key".into() };
        assert!(Tls::read(files).unwrap_err().to_string().contains("cannot read missing.crt"));
    }
}
