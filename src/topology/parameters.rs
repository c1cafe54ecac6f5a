//! Diagnostics for the parameters of an executor.

use std::path::Path;

use flowrun_sdk::{ExecutorType, ParameterError};

use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::spec::Parameters;

/// The diagnostic for a parameter error, at the parameter's name or value.
pub(super) fn parameter_diagnostic(
    error: &ParameterError,
    executor_type: &ExecutorType,
    library: Option<&Path>,
    parameters: &Parameters,
) -> Diagnostic {
    let spans =
        |name: &str| parameters.spans.get(name).copied().unwrap_or((parameters.span, parameters.span));
    let executor = executor_type.name;
    let help = match library {
        Some(path) => format!("`flowrun plugin check {}` lists its parameters", path.display()),
        None => format!("`flowrun executors {executor}` lists its parameters"),
    };
    match error {
        ParameterError::Unknown { name } => {
            let suggestion = did_you_mean(name, executor_type.fields.iter().map(|field| field.name));
            let message = format!("`{executor}` has no parameter `{name}`");
            Diagnostic::at(Code::UnknownParameter, spans(name).0, message).maybe_help(suggestion).help(help)
        }
        ParameterError::Missing { name } => {
            let message = format!("`{executor}` needs the parameter `{name}`");
            Diagnostic::at(Code::MissingParameter, parameters.span, message).help(help)
        }
        ParameterError::Invalid { name, reason } => {
            Diagnostic::at(Code::InvalidParameter, spans(name).1, format!("`{name}` {reason}"))
        }
    }
}
