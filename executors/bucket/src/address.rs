//! Addresses in object stores: `s3://`, `gs://`, `az://`, `file://`.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, RetryConfig};
use url::Url;

/// Maximum number of retries of a request that the store did not answer, or rejected because it is busy.
const RETRIES_MAX: usize = 4;
/// Total time of the retries of a request.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);
/// Default timeout of a request, enough for a part over a slow line. The environment can override it.
const REQUEST_TIMEOUT: &str = "5 minutes";

/// Provider of an object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// Amazon S3 and compatible servers.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage.
    Azure,
    /// Local files.
    File,
}

impl Provider {
    /// Hint that is appended to an error message, beginning with `; `: the environment variables to check when the store
    /// rejects access. Empty for files.
    pub(crate) fn hint(self) -> String {
        match self {
            Self::S3 => {
                "; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, for another server \
                 AWS_ENDPOINT, and for http AWS_ALLOW_HTTP=true"
            }
            Self::Google => {
                "; check GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT, the path of a key file"
            }
            Self::Azure => {
                "; check AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or AZURE_STORAGE_SAS_TOKEN"
            }
            Self::File => "",
        }
        .to_owned()
    }
}

/// True if a text is an address (with `://`) rather than a path.
pub fn is_address(text: &str) -> bool {
    text.contains("://")
}

/// An open store, the prefix of the snapshot in it, and its provider.
type Location = (Arc<dyn ObjectStore>, Key, Provider);

/// Opens the store of an address. Credentials are read from the environment.
///
/// # Errors
/// When the address is invalid or has no prefix, or a required environment variable is missing. The text does not repeat
/// the address.
pub(crate) fn open(address: &str) -> Result<Location, String> {
    let url = Url::parse(address).map_err(|error| error.to_string())?;
    let provider = match (url.scheme(), url.host_str()) {
        ("s3", Some(_)) => Provider::S3,
        ("gs", Some(_)) => Provider::Google,
        ("az", Some(_)) => Provider::Azure,
        ("file", None) => Provider::File,
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
        return Err(
            "an address has only a bucket and a prefix: leave out user, password, query and fragment"
                .to_owned(),
        );
    }
    let prefix = Key::from_url_path(url.path()).map_err(|error| error.to_string())?;
    if prefix.is_root() {
        return Err("write a prefix after the bucket".to_owned());
    }
    let store = store(provider, address).map_err(|error| format!("{error}{}", provider.hint()))?;
    Ok((store, prefix, provider))
}

fn store(provider: Provider, address: &str) -> Result<Arc<dyn ObjectStore>, object_store::Error> {
    // Installs the TLS provider of this program. Fails if one is installed already, which is then used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let backoff = BackoffConfig::default();
    let retry = RetryConfig { backoff, max_retries: RETRIES_MAX, retry_timeout: RETRY_TIMEOUT };
    let timeout = ClientConfigKey::Timeout;
    Ok(match provider {
        Provider::S3 => {
            let mut builder = AmazonS3Builder::from_env().with_url(address).with_retry(retry);
            let key = AmazonS3ConfigKey::Client(timeout);
            if builder.get_config_value(&key).is_none() {
                builder = builder.with_config(key, REQUEST_TIMEOUT);
            }
            Arc::new(builder.build()?)
        }
        Provider::Google => {
            let mut builder = GoogleCloudStorageBuilder::from_env().with_url(address).with_retry(retry);
            let key = GoogleConfigKey::Client(timeout);
            if builder.get_config_value(&key).is_none() {
                builder = builder.with_config(key, REQUEST_TIMEOUT);
            }
            Arc::new(builder.build()?)
        }
        Provider::Azure => {
            let mut builder = MicrosoftAzureBuilder::from_env().with_url(address).with_retry(retry);
            let key = AzureConfigKey::Client(timeout);
            if builder.get_config_value(&key).is_none() {
                builder = builder.with_config(key, REQUEST_TIMEOUT);
            }
            Arc::new(builder.build()?)
        }
        Provider::File => Arc::new(LocalFileSystem::new()),
    })
}
