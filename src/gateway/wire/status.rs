//! How a request that failed is told to clients: in Jina's words, with our errors.

use flowrun_sdk::ErrorKind;
use flowrun_sdk::wire::exception_name;

use super::jina::StatusProto;
use super::jina::status_proto::{ExceptionProto, StatusCode};

/// That a request failed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    /// The cause, in a line.
    pub(crate) description: String,
    /// The cause, in parts.
    pub(crate) exception: Exception,
}

/// An error as Python clients expect to be told of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exception {
    /// The kind of error.
    pub(crate) name: &'static str,
    /// What it says.
    pub(crate) message: String,
    /// Where it happened, for people.
    pub(crate) place: String,
    /// The class of the executor that failed; empty when none did.
    pub(crate) class: String,
}

impl Status {
    /// An error of that kind: `pod` is the name of the executor where it happened, `class` what it runs.
    pub(crate) fn new(kind: ErrorKind, message: &str, pod: Option<&str>, class: &str) -> Self {
        let name = exception_name(kind);
        let place = pod.map_or_else(String::new, |pod| format!(" (in `{pod}`)"));
        Self {
            description: format!("{name}({message:?}){place}"),
            exception: Exception {
                name,
                message: message.to_owned(),
                place: format!("{name}: {message}{place}\n"),
                class: class.to_owned(),
            },
        }
    }

    /// The message for it.
    pub(crate) fn to_proto(&self) -> StatusProto {
        let Exception { name, message, place, class } = &self.exception;
        StatusProto {
            code: StatusCode::Error.into(),
            description: self.description.clone(),
            exception: Some(ExceptionProto {
                name: (*name).to_owned(),
                args: vec![message.clone()],
                stacks: vec![place.clone()],
                executor: class.clone(),
            }),
        }
    }

    /// The same as JSON.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let Exception { name, message, place, class } = &self.exception;
        serde_json::json!({
            "code": 1,
            "description": self.description,
            "exception": { "name": name, "args": [message], "stacks": [place], "executor": class },
        })
    }
}
