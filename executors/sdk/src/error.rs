//! How an executor says that something went wrong: with one document, with a call, or with its construction.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

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
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Input, Self::Parameter, Self::Resource, Self::Cancelled, Self::Expired, Self::Internal];

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
    exception: Option<Arc<Exception>>,
}

/// The exception that an error was where it happened, in an executor of another language: clients are told of it as it
/// was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exception {
    /// The name of its class: `ValueError`.
    pub name: String,
    /// What it was made with, as text.
    pub args: Vec<String>,
    /// The lines of its traceback.
    pub stacks: Vec<String>,
    /// The class of the executor that raised it.
    pub executor: String,
}

impl ExecutorError {
    /// An error of that kind.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string(), exception: None }
    }

    /// The same error, which was that exception.
    #[must_use]
    pub fn with_exception(self, exception: Exception) -> Self {
        Self { exception: Some(Arc::new(exception)), ..self }
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

    /// The same error, told in other words.
    #[must_use]
    pub fn with_message(self, message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), ..self }
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The cause, for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The exception that it was, if it was one.
    pub fn exception(&self) -> Option<&Exception> {
        self.exception.as_deref()
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
        name: Cow<'static, str>,
        /// Why its value will not do.
        reason: String,
    },
    /// It was not ready within the time that its context gives it, for this reason.
    #[error("{0}")]
    NotReady(String),
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
    pub fn parameter(name: impl Into<Cow<'static, str>>, reason: impl fmt::Display) -> Self {
        Self::Parameter { name: name.into(), reason: reason.to_string() }
    }

    /// Construction failed for a reason outside the parameters.
    #[must_use]
    pub fn failed(reason: impl fmt::Display) -> Self {
        Self::Failed(reason.to_string())
    }
}
