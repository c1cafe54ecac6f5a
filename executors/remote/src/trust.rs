//! Whose certificates are believed.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use flowrun_sdk::guard;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// Bytes of a file with certificates. Those of all authorities that browsers know have 250 kB.
const CERTIFICATES_BYTES_MAX: u64 = 4 << 20;

/// Whose certificates are believed. Copies share it.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trust")
    }
}

impl Trust {
    /// The authorities that this machine trusts. They are read once.
    ///
    /// # Errors
    /// When there are none.
    pub fn system() -> Result<Self, String> {
        static SYSTEM: OnceLock<Result<Trust, String>> = OnceLock::new();
        let read = || {
            let found = rustls_native_certs::load_native_certs();
            let mut roots = RootCertStore::empty();
            let (added, _) = roots.add_parsable_certificates(found.certs);
            if added == 0 {
                let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
                return Err(format!(
                    "this machine trusts no authority for certificates{why}; name a file with the ones to trust: `ca: FILE`"
                ));
            }
            Self::of(roots)
        };
        SYSTEM.get_or_init(read).clone()
    }

    /// The authorities, or the certificates themselves, in a file in PEM form.
    ///
    /// # Errors
    /// When the file cannot be read or holds none.
    pub fn file(path: &Path) -> Result<Self, String> {
        let bytes = guard::read_file(path, CERTIFICATES_BYTES_MAX).map_err(|error| error.to_string())?;
        let damaged = |error: &dyn std::fmt::Display| format!("{} is damaged: {error}", path.display());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&bytes) {
            let certificate = certificate.map_err(|error| damaged(&error))?;
            roots.add(certificate).map_err(|error| damaged(&error))?;
        }
        if roots.is_empty() {
            let path = path.display();
            return Err(format!(
                "{path} holds no certificate: write it in PEM form (`-----BEGIN CERTIFICATE-----`)"
            ));
        }
        Self::of(roots)
    }

    fn of(roots: RootCertStore) -> Result<Self, String> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    pub(crate) fn connector(&self) -> TlsConnector {
        TlsConnector::from(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_vouches_for_nobody_is_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        let error = |text: Option<&str>| {
            if let Some(text) = text {
                std::fs::write(&path, text).unwrap();
            }
            Trust::file(&path).unwrap_err()
        };
        assert!(error(None).contains("ca.pem"));
        assert!(error(Some("")).contains("ca.pem holds no certificate"));
        let lie = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(error(Some(lie)).contains("ca.pem is damaged"));
    }
}
