//! How an executor says that something went wrong: with one document, with a call, or with its construction.

use std::fmt;

/// What kind of thing went wrong, for those who must decide on it; the message is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The document's content cannot be processed: unreadable, truncated, too large, of the wrong type or shape.
    Input,
    /// A parameter of the request has the wrong type or value.
    Parameter,
    /// Something outside failed: a file, a disk, a connection.
    Resource,
    /// The request was given up by the one who asked.
    Cancelled,
    /// The request's deadline passed.
    Expired,
    /// A defect in the executor, a panic among them.
    Internal,
}

impl ErrorKind {
    /// The stable name that programs match on.
    pub fn code(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Parameter => "parameter",
            Self::Resource => "resource",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Internal => "internal",
        }
    }
}

/// Why a document or a call failed. The message is a fragment in lower case that names the cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutorError {
    kind: ErrorKind,
    message: String,
}

impl ExecutorError {
    /// An error of that kind.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string() }
    }

    /// The document's content cannot be processed.
    #[must_use]
    pub fn input(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Input, message)
    }

    /// The request parameter `name` is wrong.
    #[must_use]
    pub fn parameter(name: &str, reason: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Parameter, format_args!("parameter `{name}`: {reason}"))
    }

    /// Something outside failed.
    #[must_use]
    pub fn resource(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Resource, message)
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The cause, for people.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ExecutorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ExecutorError {}

impl From<crate::TensorError> for ExecutorError {
    fn from(error: crate::TensorError) -> Self {
        Self::input(error)
    }
}

/// Why an executor could not be constructed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The value under `with:` of that name is wrong; the host adds where it stands.
    #[error("`{name}`: {reason}")]
    Parameter {
        /// The key under `with:`.
        name: &'static str,
        /// Why its value will not do.
        reason: String,
    },
    /// The library that it is in will not do.
    #[error("{0}")]
    Library(crate::LibraryError),
    /// Anything else: a missing file, a locked directory, a library that is not there.
    #[error("{0}")]
    Failed(String),
}

impl BuildError {
    /// The value of the parameter `name` will not do.
    #[must_use]
    pub fn parameter(name: &'static str, reason: impl fmt::Display) -> Self {
        Self::Parameter { name, reason: reason.to_string() }
    }

    /// Construction failed for a reason outside the parameters.
    #[must_use]
    pub fn failed(reason: impl fmt::Display) -> Self {
        Self::Failed(reason.to_string())
    }
}
