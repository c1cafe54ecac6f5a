//! How a request that failed is told to clients: in Jina's words, with our errors.

use flowrun_sdk::{ErrorKind, Exception, ExecutorError};
use flowrun_wire::exception_name;

use super::jina::StatusProto;
use super::jina::status_proto::{ExceptionProto, StatusCode};

/// That a request failed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    /// The cause, in a line.
    pub(crate) description: String,
    /// The cause alone.
    pub(crate) message: String,
    /// The cause, in parts, as Python clients expect to be told of one.
    pub(crate) exception: Exception,
}

impl Status {
    /// An error of that kind: `pod` is the name of the executor where it happened, `class` what it runs.
    pub(crate) fn new(kind: ErrorKind, message: &str, pod: Option<&str>, class: &str) -> Self {
        let name = exception_name(kind);
        let place = pod.map_or_else(String::new, |pod| format!(" (in `{pod}`)"));
        Self {
            description: format!("{name}({message:?}){place}"),
            message: message.to_owned(),
            exception: Exception {
                name: name.to_owned(),
                args: vec![message.to_owned()],
                stacks: vec![format!("{name}: {message}{place}\n")],
                executor: class.to_owned(),
            },
        }
    }

    /// That error, told as the exception that it was, if it was one where it happened.
    pub(crate) fn of(error: &ExecutorError, pod: Option<&str>, class: &str) -> Self {
        let status = Self::new(error.kind(), error.message(), pod, class);
        let Some(was) = error.exception() else { return status };
        let place = pod.map_or_else(String::new, |pod| format!(" (in `{pod}`)"));
        let executor = if was.executor.is_empty() { class.to_owned() } else { was.executor.clone() };
        Self {
            description: format!("{}{place}", error.message()),
            exception: Exception { executor, ..was.clone() },
            ..status
        }
    }

    /// The message for it.
    pub(crate) fn to_proto(&self) -> StatusProto {
        let Exception { name, args, stacks, executor } = self.exception.clone();
        StatusProto {
            code: StatusCode::Error.into(),
            description: self.description.clone(),
            exception: Some(ExceptionProto { name, args, stacks, executor }),
        }
    }

    /// The same as JSON.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let Exception { name, args, stacks, executor } = &self.exception;
        serde_json::json!({
            "code": 1,
            "description": self.description,
            "exception": { "name": name, "args": args, "stacks": stacks, "executor": executor },
        })
    }
}
