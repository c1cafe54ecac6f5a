//! Failure to start a child process.

use std::fmt;

use flowrun_sdk::{BuildError, Value};

/// Reason why a child process could not be started.
#[derive(Clone, Debug)]
pub(crate) enum StartError {
    /// The child was not ready in time.
    NotReady(String),
    /// The executor rejected a parameter.
    InvalidParameter { name: String, reason: String },
    /// Any other reason.
    Failed(String),
}

impl StartError {
    /// Decodes the JSON body of a `Failed` frame, which a child sends when its executor cannot be created.
    pub(crate) fn from_json(value: &Value) -> Self {
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let reason = text("error").unwrap_or_default();
        match text("parameter") {
            Some(name) => Self::InvalidParameter { name, reason },
            None => Self::Failed(reason),
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReady(reason) | Self::Failed(reason) => f.write_str(reason),
            Self::InvalidParameter { name, reason } => write!(f, "`{name}`: {reason}"),
        }
    }
}

impl From<StartError> for BuildError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::NotReady(reason) => Self::NotReady(reason),
            StartError::InvalidParameter { name, reason } => Self::parameter(name, reason),
            StartError::Failed(reason) => Self::failed(reason),
        }
    }
}
