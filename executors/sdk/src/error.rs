//! Errors of executors: of one document, of a call, or of construction.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Class of an error, for programs; the message is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The content of a document cannot be processed: unreadable, truncated, too large, of the wrong type or shape.
    Input,
    /// A parameter of the request has the wrong type or value.
    Parameter,
    /// A resource failed or is exhausted: a file, a disk, a connection, the memory of the request.
    Resource,
    /// The client cancelled the request.
    Cancelled,
    /// The deadline of the request passed.
    Expired,
    /// A defect of the executor, such as a panic.
    Internal,
}

impl ErrorKind {
    /// All kinds, in the order of declaration.
    pub const ALL: [Self; 6] =
        [Self::Input, Self::Parameter, Self::Resource, Self::Cancelled, Self::Expired, Self::Internal];

    /// Stable name, for programs.
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

/// The error of a document or of a call. The message is a lower-case fragment that states the cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutorError {
    kind: ErrorKind,
    message: String,
    exception: Option<Arc<Exception>>,
}

/// The original exception of an error, raised by an executor in another language. Clients receive it unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exception {
    /// Class of the exception, for example `ValueError`.
    pub name: String,
    /// Arguments of the exception, as text.
    pub args: Vec<String>,
    /// Lines of the traceback.
    pub stacks: Vec<String>,
    /// Class of the executor that raised it.
    pub executor: String,
}

impl Exception {
    /// File and line of the statement that raised it, for example `/home/me/encoder.py:8`. `None` if the traceback has no
    /// line of a file, or only lines of the package `flowrun`, whose files are in memory.
    pub fn location(&self) -> Option<String> {
        let lines = self.stacks.iter().flat_map(|entry| entry.lines()).rev();
        let mut locations = lines.filter_map(|line| {
            let (file, rest) = line.trim_start().strip_prefix("File \"")?.split_once("\", line ")?;
            let number = rest.split(',').next().filter(|number| number.parse::<u32>().is_ok())?;
            (!file.starts_with('<')).then(|| format!("{file}:{number}"))
        });
        locations.next()
    }
}

impl ExecutorError {
    /// Creates an error.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string(), exception: None }
    }

    /// Attaches the original exception.
    #[must_use]
    pub fn with_exception(self, exception: Exception) -> Self {
        Self { exception: Some(Arc::new(exception)), ..self }
    }

    /// Creates an error of kind [`ErrorKind::Input`]: the content of a document cannot be processed.
    #[must_use]
    pub fn input(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Input, message)
    }

    /// Creates an error of kind [`ErrorKind::Parameter`] about the request parameter `name`.
    #[must_use]
    pub fn parameter(name: &str, reason: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Parameter, format_args!("parameter `{name}`: {reason}"))
    }

    /// Creates an error of kind [`ErrorKind::Resource`]: a file, a disk or a connection failed, or memory is exhausted.
    #[must_use]
    pub fn resource(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Resource, message)
    }

    /// Replaces the message.
    #[must_use]
    pub fn with_message(self, message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), ..self }
    }

    /// Class of the error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The cause, for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The original exception, if an executor in another language raised one.
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

/// The error of the construction of an executor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A parameter has an invalid value; the host adds its position in the YAML file.
    #[error("`{name}`: {reason}")]
    Parameter {
        /// The key under `with:`.
        name: Cow<'static, str>,
        /// The reason why its value is invalid.
        reason: String,
    },
    /// The executor was not ready within [`Context::timeout_ready`](crate::Context::timeout_ready).
    #[error("{0}")]
    NotReady(String),
    /// The library of the executor cannot be used.
    #[error("{0}")]
    Library(crate::LibraryError),
    /// Any other reason: a missing file, a locked directory.
    #[error("{0}")]
    Failed(String),
}

impl BuildError {
    /// Creates [`BuildError::Parameter`].
    #[must_use]
    pub fn parameter(name: impl Into<Cow<'static, str>>, reason: impl fmt::Display) -> Self {
        Self::Parameter { name: name.into(), reason: reason.to_string() }
    }

    /// Creates [`BuildError::Failed`].
    #[must_use]
    pub fn failed(reason: impl fmt::Display) -> Self {
        Self::Failed(reason.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_is_located_at_the_last_line_of_a_file() {
        let entry = |file: &str, line: u32| format!("  File \"{file}\", line {line}, in f\n    a()\n");
        let exception = |stacks: &[String]| Exception { stacks: stacks.to_vec(), ..Exception::default() };
        let header = "Traceback (most recent call last):\n".to_owned();
        let stacks =
            [header, entry("/a b.py", 3), entry("/c.py", 8), entry("<flowrun>/flowrun/document.py", 5)];
        assert_eq!(exception(&stacks).location().as_deref(), Some("/c.py:8"));
        assert_eq!(exception(&stacks[..1]).location(), None);
    }
}
