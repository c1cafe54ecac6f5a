//! Status of a failed request, in Jina's form.

use flowrun_sdk::{ErrorKind, Exception, ExecutorError};
use flowrun_wire::exception_name;
use flowrun_wire::jina::StatusProto;
use flowrun_wire::jina::status_proto::{ExceptionProto, StatusCode};

use super::error_text::shorten;

/// Error status of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    /// Exception name, message and pod in one line.
    pub(super) description: String,
    /// Error message.
    pub(super) message: String,
    /// Exception as Python clients raise it.
    pub(super) exception: Exception,
}

impl Status {
    /// Status of an error. `pod` is the executor where it occurred (`None` for the gateway), `class` its class (may be
    /// empty).
    pub(super) fn new(kind: ErrorKind, message: &str, pod: Option<&str>, class: &str) -> Self {
        let name = exception_name(kind);
        let location = location(pod);
        let message = &*shorten(message);
        Self {
            description: format!("{name}({message:?}){location}"),
            message: message.to_owned(),
            exception: Exception {
                name: name.to_owned(),
                args: vec![message.to_owned()],
                stacks: vec![format!("{name}: {message}{location}\n")],
                executor: class.to_owned(),
            },
        }
    }

    /// Status of an executor's error. An exception that the executor raised is passed on; its long texts are shortened.
    pub(super) fn from_error(error: &ExecutorError, pod: Option<&str>, class: &str) -> Self {
        let status = Self::new(error.kind(), error.message(), pod, class);
        let Some(raised) = error.exception() else { return status };
        let executor = if raised.executor.is_empty() { class.to_owned() } else { raised.executor.clone() };
        let shortened = |texts: &[String]| texts.iter().map(|text| shorten(text).into_owned()).collect();
        let (args, stacks) = (shortened(&raised.args), shortened(&raised.stacks));
        Self {
            description: format!("{}{}", shorten(error.message()), location(pod)),
            exception: Exception { name: raised.name.clone(), args, stacks, executor },
            ..status
        }
    }

    /// Protobuf form.
    pub(super) fn to_proto(&self) -> StatusProto {
        let Exception { name, args, stacks, executor } = self.exception.clone();
        StatusProto {
            code: StatusCode::Error.into(),
            description: self.description.clone(),
            exception: Some(ExceptionProto { name, args, stacks, executor }),
        }
    }

    /// JSON form.
    pub(super) fn to_json(&self) -> serde_json::Value {
        let Exception { name, args, stacks, executor } = &self.exception;
        serde_json::json!({
            "code": 1,
            "description": self.description,
            "exception": { "name": name, "args": args, "stacks": stacks, "executor": executor },
        })
    }
}

fn location(pod: Option<&str>) -> String {
    pod.map_or_else(String::new, |pod| format!(" (in `{pod}`)"))
}
