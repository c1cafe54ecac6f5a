//! Addresses of places in object stores.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig};
use url::Url;

/// How often something is asked for again that a store did not answer, or answered that it is busy.
const RETRIES_MAX: usize = 4;
/// Behind this nothing is asked for again.
const RETRYING_MAX: Duration = Duration::from_secs(60);
/// How long one request may take, when the environment does not say: a part over a slow line.
const REQUEST_MAX: &str = "5 minutes";

/// Whose store it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Amazon's S3, and what speaks its language.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure's blobs.
    Azure,
    /// Files of this machine.
    File,
}

impl Kind {
    /// What to look at when a store lets nobody in.
    pub(crate) fn hint(self) -> String {
        match self {
            Self::S3 => {
                "; see to AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, for another server to \
                 AWS_ENDPOINT, and if that is http to AWS_ALLOW_HTTP=true"
            }
            Self::Google => "; see to GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT, the path of a key",
            Self::Azure => {
                "; see to AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or AZURE_STORAGE_SAS_TOKEN"
            }
            Self::File => "",
        }
        .to_owned()
    }
}

/// Whether this is meant as an address, not as a path.
pub fn is_address(text: &str) -> bool {
    text.contains("://")
}

/// What is opened: the store, the place in it, and whose it is.
type Place = (Arc<dyn ObjectStore>, Key, Kind);

/// Opens the store of an address.
pub(crate) fn open(address: &str) -> Result<Place, String> {
    let url = Url::parse(address).map_err(|error| error.to_string())?;
    let kind = match (url.scheme(), url.host_str()) {
        ("s3", Some(_)) => Kind::S3,
        ("gs", Some(_)) => Kind::Google,
        ("az", Some(_)) => Kind::Azure,
        ("file", None) => Kind::File,
        _ => {
            return Err(
                "write s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or file:///path"
                    .to_owned(),
            );
        }
    };
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err("an address has a bucket and a prefix, and nothing else".to_owned());
    }
    let prefix = Key::from_url_path(url.path()).map_err(|error| error.to_string())?;
    if prefix.is_root() {
        return Err("write a prefix behind the bucket".to_owned());
    }
    let store = store(kind, address).map_err(|error| format!("{error}{}", kind.hint()))?;
    Ok((store, prefix, kind))
}

fn store(kind: Kind, address: &str) -> Result<Arc<dyn ObjectStore>, object_store::Error> {
    // The one that the tree has; fails where it was said before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let backoff = BackoffConfig::default();
    let retry = RetryConfig { backoff, max_retries: RETRIES_MAX, retry_timeout: RETRYING_MAX };
    let timeout = ClientConfigKey::Timeout;
    Ok(match kind {
        Kind::S3 => {
            let mut builder = AmazonS3Builder::from_env().with_url(address).with_retry(retry);
            let key = AmazonS3ConfigKey::Client(timeout);
            if builder.get_config_value(&key).is_none() {
                builder = builder.with_config(key, REQUEST_MAX);
            }
            Arc::new(builder.build()?)
        }
        Kind::Google => {
            let mut builder = GoogleCloudStorageBuilder::from_env().with_url(address).with_retry(retry);
            let key = GoogleConfigKey::Client(timeout);
            if builder.get_config_value(&key).is_none() {
                builder = builder.with_config(key, REQUEST_MAX);
            }
            Arc::new(builder.build()?)
        }
        Kind::Azure => {
            let mut builder = MicrosoftAzureBuilder::from_env().with_url(address).with_retry(retry);
            let key = AzureConfigKey::Client(timeout);
            if builder.get_config_value(&key).is_none() {
                builder = builder.with_config(key, REQUEST_MAX);
            }
            Arc::new(builder.build()?)
        }
        Kind::File => Arc::new(LocalFileSystem::new()),
    })
}
