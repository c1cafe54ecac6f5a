//! Errors of the client.

use flowrun_remote::{CallError, InvalidAddress, Unreachable};
use flowrun_sdk::{ErrorKind, ExecutorError};

use crate::runtime::RequestError;

/// Error of a connection or a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The address is malformed.
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    /// The service is unreachable.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// The token is not a valid header value.
    #[error("the token contains characters that are not allowed in a header")]
    Token,
    /// The server rejected the request, or ended the stream before replying to it.
    #[error("rejected ({}): {message}", code_name(*code))]
    Rejected {
        /// gRPC status code.
        code: tonic::Code,
        /// gRPC status message.
        message: String,
    },
    /// The connection was lost; the request may or may not have been processed.
    #[error("connection lost: {0}")]
    ConnectionLost(String),
    /// The request was processed and failed.
    #[error(transparent)]
    Failed(#[from] RequestError),
}

impl ClientError {
    /// Short name of the error for counting: the gRPC status code, or the kind of the failure.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::Address(_) | Self::Token => "USAGE".to_owned(),
            Self::Unreachable(_) => "UNREACHABLE".to_owned(),
            Self::Rejected { code, .. } => code_name(*code),
            Self::ConnectionLost(_) => "BROKEN".to_owned(),
            Self::Failed(failed) => format!("failed: {}", failed.error.kind().code()),
        }
    }
}

impl From<CallError> for ClientError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Status(code, message) => Self::Rejected { code, message },
            CallError::Broken(reason) => Self::ConnectionLost(reason),
        }
    }
}

impl From<tonic::Status> for ClientError {
    fn from(status: tonic::Status) -> Self {
        CallError::from(status).into()
    }
}

impl From<ClientError> for RequestError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Failed(failed) => failed,
            other => Self { pod: None, error: ExecutorError::new(ErrorKind::Resource, other) },
        }
    }
}

/// Name of a status code as in the gRPC specification, for example `DEADLINE_EXCEEDED`.
fn code_name(code: tonic::Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_codes_have_the_names_of_the_grpc_specification() {
        assert_eq!(code_name(tonic::Code::ResourceExhausted), "RESOURCE_EXHAUSTED");
        assert_eq!(code_name(tonic::Code::Unavailable), "UNAVAILABLE");
    }

    #[test]
    fn a_status_without_a_server_is_a_lost_connection() {
        let sent_by_server = ClientError::from(tonic::Status::unavailable("ending"));
        assert!(matches!(sent_by_server, ClientError::Rejected { .. }), "{sent_by_server}");
        let local = tonic::Status::from_error(Box::new(std::io::Error::other("reset")));
        assert!(matches!(ClientError::from(local), ClientError::ConnectionLost(_)));
    }
}
