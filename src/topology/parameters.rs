//! Diagnostics for the parameters of an executor.

use std::path::Path;

use flowrun_sdk::{ExecutorType, ParameterError, ParameterKind};
use serde_json::Value;

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
            let field = executor_type.fields.iter().find(|field| field.name == *name);
            let words = field.map(|field| choices(field.kind)).unwrap_or_default();
            let suggestion = parameters.values.get(*name).and_then(|value| misspelt_choice(value, words));
            let message = format!("`{name}` {reason}");
            Diagnostic::at(Code::InvalidParameter, spans(name).1, message).maybe_help(suggestion)
        }
    }
}

/// The words of a parameter with a fixed set of values; empty for other parameters.
fn choices(kind: ParameterKind) -> &'static [&'static str] {
    match kind {
        ParameterKind::Choice(words) => words,
        ParameterKind::Optional(kind) | ParameterKind::List(kind) | ParameterKind::Array(kind, _) => {
            choices(*kind)
        }
        _ => &[],
    }
}

/// The suggestion for the first string in `value` that is not one of `words`.
fn misspelt_choice(value: &Value, words: &'static [&'static str]) -> Option<String> {
    let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let mut texts = items.iter().filter_map(Value::as_str);
    let misspelt = texts.find(|text| !words.iter().any(|word| word.eq_ignore_ascii_case(text)))?;
    did_you_mean(misspelt, words.iter().copied())
}
