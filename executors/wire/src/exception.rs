//! Names of errors in Jina's messages, in the style of Python's exceptions.

use flowrun_sdk::ErrorKind;

/// Name of an error kind in a message, for example `InputError`.
#[must_use]
pub fn exception_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Input => "InputError",
        ErrorKind::Parameter => "ParameterError",
        ErrorKind::Resource => "ResourceError",
        ErrorKind::Cancelled => "CancelledError",
        ErrorKind::Expired => "TimeoutError",
        // Also kinds that a later version of the SDK adds.
        _ => "InternalError",
    }
}

/// Error kind with that [`exception_name`]; [`ErrorKind::Internal`] for every other name.
#[must_use]
pub fn error_kind_from_name(name: &str) -> ErrorKind {
    ErrorKind::ALL.into_iter().find(|kind| exception_name(*kind) == name).unwrap_or(ErrorKind::Internal)
}
