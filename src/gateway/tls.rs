//! TLS: the certificate that the gateway shows, from its two files, and again when they change.
//!
//! Deliberately not here: certificates of clients, who show a token instead, and what takes a certificate out of a
//! network.

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

/// What clients may agree on beneath TLS, the better first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Speaks TLS with clients.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    /// How long a client may take to agree.
    handshake: Duration,
    /// How long the files are not looked at again.
    interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    config: Arc<ServerConfig>,
    /// What the files were when they were last read, whether that went well or not.
    stamp: Stamp,
    looked: Instant,
}

/// Why a certificate cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] GuardError),
    /// There is nothing in it to show.
    #[error(
        "{} holds no certificate: write it in PEM form (`-----BEGIN CERTIFICATE-----`), those that vouch for it behind it",
        .0.display()
    )]
    NoCertificate(PathBuf),
    /// There is nothing in it to sign with.
    #[error(
        "{} holds no private key that can be used: write it in PEM form (`-----BEGIN PRIVATE KEY-----`) without a \
         password; `openssl pkey -in FILE` takes a password off",
        .0.display()
    )]
    NoKey(PathBuf),
    /// What looks like PEM is not.
    #[error("{} is damaged: {cause}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: PemError,
    },
    /// The files do not belong together.
    #[error("the key in {} is not that of the certificate in {}", .0.key.display(), .0.certificate.display())]
    Mismatch(TlsFiles),
    /// The certificate or the key is of a kind that is not understood.
    #[error("{} and {} cannot be used for TLS: {cause}", files.certificate.display(), files.key.display())]
    Unusable {
        /// The files.
        files: TlsFiles,
        /// What is wrong with them.
        cause: Error,
    },
}

impl Tls {
    /// Reads the certificate and its key.
    ///
    /// # Errors
    /// When a file is missing, holds something else, or the two do not belong together.
    pub fn read(files: TlsFiles) -> Result<Self, TlsError> {
        // Before the files are read: a change in between is then seen at the next look.
        let stamp = Stamp::of(&files);
        let config = Arc::new(config(&files)?);
        let state = Mutex::new(State { config, stamp, looked: Instant::now() });
        Ok(Self { files, handshake: TLS_HANDSHAKE_TIMEOUT, interval: TLS_RELOAD_INTERVAL, state })
    }

    /// The same with other times: how long a client may take to agree, and how long changed files may go unnoticed.
    #[must_use]
    pub fn with_times(self, handshake: Duration, interval: Duration) -> Self {
        Self { handshake, interval, ..self }
    }

    /// Agrees with a client on how to speak.
    pub(super) async fn accept(self: &Arc<Self>, stream: TcpStream) -> Result<TlsStream<TcpStream>, String> {
        let acceptor = TlsAcceptor::from(self.current().await);
        match tokio::time::timeout(self.handshake, acceptor.accept(stream)).await {
            Ok(accepted) => accepted.map_err(|error| format!("no agreement on TLS: {error}")),
            Err(_) => Err("the client took too long to agree on TLS".to_owned()),
        }
    }

    /// What to show now. Who comes when it is time to look at the files waits for that; the others do not.
    async fn current(self: &Arc<Self>) -> Arc<ServerConfig> {
        {
            let mut state = self.state.lock();
            if state.looked.elapsed() < self.interval {
                return Arc::clone(&state.config);
            }
            state.looked = Instant::now();
        }
        let tls = Arc::clone(self);
        // Files may lie on a disk that takes its time.
        let _ = tokio::task::spawn_blocking(move || tls.reload()).await;
        Arc::clone(&self.state.lock().config)
    }

    /// Reads the files again if they have changed. What cannot be used leaves everything as it was, and is said once.
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
                tracing::info!("{} has changed and is shown from now on", self.files.certificate.display());
            }
            Err(error) => tracing::warn!("the certificate stays the one before: {error}"),
        }
    }
}

/// What tells a changed pair of files from the one that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp([Option<(u64, u64, i64, i64)>; 2]);

impl Stamp {
    fn of(files: &TlsFiles) -> Self {
        // The inode, because files are replaced by renaming, and in containers by changing a link.
        let of = |found: Metadata| (found.ino(), found.len(), found.mtime(), found.mtime_nsec());
        Self([&files.certificate, &files.key].map(|path| std::fs::metadata(path).ok().map(of)))
    }
}

/// How to speak TLS with the certificate in these files.
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

/// The certificate in a file, and those behind it that vouch for it.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = guard::read_file(path, TLS_FILE_BYTES_MAX)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if found.is_empty() => Err(TlsError::NoCertificate(path.to_owned())),
        Ok(found) => Ok(found),
        Err(cause) => Err(TlsError::Damaged { path: path.to_owned(), cause }),
    }
}

/// The private key in a file.
fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bytes = guard::read_file(path, TLS_FILE_BYTES_MAX)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|cause| match cause {
        PemError::NoItemsFound => TlsError::NoKey(path.to_owned()),
        cause => TlsError::Damaged { path: path.to_owned(), cause },
    })
}

#[cfg(test)]
mod tests {
    use rcgen::generate_simple_self_signed;

    use super::*;

    /// Writes two files; the error of reading them.
    fn error(certificate: &str, key: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let files = TlsFiles { certificate: at("tls.crt"), key: at("tls.key") };
        std::fs::write(&files.certificate, certificate).unwrap();
        std::fs::write(&files.key, key).unwrap();
        Tls::read(files).unwrap_err().to_string()
    }

    #[test]
    fn files_that_cannot_be_used_are_named_with_what_is_wrong() {
        let made = || generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (one, other) = (made(), made());
        let (certificate, key) = (one.cert.pem(), one.signing_key.serialize_pem());
        let mismatch = error(&certificate, &other.signing_key.serialize_pem());
        assert!(mismatch.contains("tls.key is not that of the certificate in"), "{mismatch}");
        let swapped = error(&key, &certificate);
        assert!(swapped.contains("tls.crt holds no certificate"), "{swapped}");
        let keyless = error(&certificate, &certificate);
        assert!(keyless.contains("tls.key holds no private key"), "{keyless}");
        let locked = error(&certificate, &key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"));
        assert!(locked.contains("takes a password off"), "{locked}");
        let damaged = error(&certificate.replace("\n-----END", "!\n-----END"), &key);
        assert!(damaged.contains("tls.crt is damaged"), "{damaged}");
        let lie = error("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &key);
        assert!(lie.contains("cannot be used for TLS"), "{lie}");
        let files = TlsFiles { certificate: "missing.crt".into(), key: "missing.key".into() };
        assert!(Tls::read(files).unwrap_err().to_string().contains("cannot read missing.crt"));
    }
}
