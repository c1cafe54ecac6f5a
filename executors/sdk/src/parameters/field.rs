//! Rows of a parameter table: the parameters that [`parameters!`](crate::parameters) declares for an executor, from which
//! the reference, the check of a flow and the description of a plugin are made.

use std::fmt;

use serde_json::Value;

use super::kind::ParameterKind;

/// One row of a parameter table.
#[derive(Clone, Copy, Debug)]
pub struct ParameterField {
    /// Key under `with:`, or name of the request parameter.
    pub name: &'static str,
    /// Values that the parameter accepts.
    pub kind: ParameterKind,
    /// Value of an absent key.
    pub default: DefaultValue,
    /// Documentation, with the line breaks and leading spaces of the source.
    pub documentation: &'static str,
}

/// Value of a parameter whose key is absent. Displayed as JSON, as `required`, or as the text of
/// [`DefaultValue::Text`].
#[derive(Clone, Copy, Debug)]
pub enum DefaultValue {
    /// There is no default; the key is required.
    Required,
    /// A Rust expression.
    Expression {
        /// Source of the expression.
        source: &'static str,
        /// Evaluates the expression.
        value: fn() -> Value,
    },
    /// Default of an executor in a plugin: JSON, or the Rust source of an expression that is not converted to JSON when the
    /// plugin is compiled. Empty if unknown.
    Text(&'static str),
}

impl ParameterField {
    /// Value of an absent key; `None` if the key is required, or if the default is not known as JSON.
    pub fn default(&self) -> Option<Value> {
        match self.default {
            DefaultValue::Required => None,
            DefaultValue::Expression { value, .. } => Some(value()),
            DefaultValue::Text(text) => serde_json::from_str(text).ok(),
        }
    }

    /// Returns `true` if the key is required.
    pub fn is_required(&self) -> bool {
        matches!(self.default, DefaultValue::Required)
    }
}

impl fmt::Display for DefaultValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Required => f.write_str("required"),
            Self::Expression { value, .. } => value().fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}
