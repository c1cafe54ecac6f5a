//! Certificate authorities for TLS connections.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use flowrun_sdk::guard;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// Maximum size of a certificate file in bytes. The authorities of web browsers together have 250 kB.
const CERTIFICATES_BYTES_MAX: u64 = 4 << 20;

/// The trusted certificate authorities. Clones share them.
#[derive(Clone)]
pub struct TrustStore(Arc<ClientConfig>);

impl std::fmt::Debug for TrustStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TrustStore")
    }
}

impl TrustStore {
    /// The authorities that this machine trusts, loaded once per process.
    ///
    /// # Errors
    /// If this machine has none.
    pub fn system() -> Result<Self, String> {
        static SYSTEM: OnceLock<Result<TrustStore, String>> = OnceLock::new();
        let read = || {
            let found = rustls_native_certs::load_native_certs();
            let mut roots = RootCertStore::empty();
            let (added, _) = roots.add_parsable_certificates(found.certs);
            if added == 0 {
                let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
                return Err(format!(
                    "this machine has no certificate authorities{why}; name a PEM file with the trusted ones as `ca` (`--ca` on \
                     the command line)"
                ));
            }
            Self::from_roots(roots)
        };
        SYSTEM.get_or_init(read).clone()
    }

    /// The authorities or certificates in a PEM file.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged or contains no certificate.
    pub fn file(path: &Path) -> Result<Self, String> {
        let bytes = guard::read_file(path, CERTIFICATES_BYTES_MAX).map_err(|error| error.to_string())?;
        let damaged = |error: &dyn std::fmt::Display| format!("{} is damaged: {error}", path.display());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(guard::without_byte_order_mark(&bytes)) {
            let certificate = certificate.map_err(|error| damaged(&error))?;
            roots.add(certificate).map_err(|error| damaged(&error))?;
        }
        if roots.is_empty() {
            let path = path.display();
            return Err(format!(
                "{path} contains no certificate in PEM form (`-----BEGIN CERTIFICATE-----`)"
            ));
        }
        Self::from_roots(roots)
    }

    fn from_roots(roots: RootCertStore) -> Result<Self, String> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    /// Returns a connector that performs TLS handshakes and accepts only servers with a trusted certificate.
    pub(crate) fn connector(&self) -> TlsConnector {
        TlsConnector::from(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_rejected_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        let error = |text: Option<&str>| {
            if let Some(text) = text {
                std::fs::write(&path, text).unwrap();
            }
            TrustStore::file(&path).unwrap_err()
        };
        assert!(error(None).contains("ca.pem"));
        assert!(error(Some("")).contains("ca.pem contains no certificate"));
        let lie = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(error(Some(lie)).contains("ca.pem is damaged"));
    }
}
