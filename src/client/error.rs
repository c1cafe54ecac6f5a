//! Why there is no answer.

use flowrun_remote::{NoAddress, NoReply, Unreachable};
use flowrun_sdk::{ErrorKind, ExecutorError};

use crate::runtime::RequestError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// What was given is no address.
    #[error(transparent)]
    Address(#[from] NoAddress),
    /// Nobody is there.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// The token cannot be sent.
    #[error("the token has characters in it that a header cannot have")]
    Token,
    /// The server would not take the request, or ended the stream before it read it.
    #[error("refused ({}): {message}", code_name(*code))]
    Refused {
        /// The code of gRPC.
        code: tonic::Code,
        /// The server's words.
        message: String,
    },
    /// The connection broke, and nobody knows what became of the request.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The request was answered: it failed.
    #[error(transparent)]
    Failed(#[from] RequestError),
}

impl ClientError {
    /// A short name for what happened: of the code of gRPC, or of the kind of error.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::Address(_) | Self::Token => "USAGE".to_owned(),
            Self::Unreachable(_) => "UNREACHABLE".to_owned(),
            Self::Refused { code, .. } => code_name(*code),
            Self::Broken(_) => "BROKEN".to_owned(),
            Self::Failed(failed) => format!("failed: {}", failed.error.kind().code()),
        }
    }
}

impl From<NoReply> for ClientError {
    fn from(no_reply: NoReply) -> Self {
        match no_reply {
            NoReply::Told(code, message) => Self::Refused { code, message },
            NoReply::Broken(reason) => Self::Broken(reason),
        }
    }
}

impl From<tonic::Status> for ClientError {
    fn from(status: tonic::Status) -> Self {
        NoReply::from(status).into()
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

/// The code as gRPC's papers write it.
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
    fn codes_are_named_as_in_the_papers() {
        assert_eq!(code_name(tonic::Code::ResourceExhausted), "RESOURCE_EXHAUSTED");
        assert_eq!(code_name(tonic::Code::Unavailable), "UNAVAILABLE");
    }

    #[test]
    fn what_no_server_said_is_a_broken_connection() {
        let said = ClientError::from(tonic::Status::unavailable("ending"));
        assert!(matches!(said, ClientError::Refused { .. }), "{said}");
        let broken = tonic::Status::from_error(Box::new(std::io::Error::other("reset")));
        assert!(matches!(ClientError::from(broken), ClientError::Broken(_)));
    }
}
