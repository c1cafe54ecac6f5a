//! What an executor can be told under `with:`. One table of fields is the parser, the defaults and the
//! documentation at once; the [`parameters!`](crate::parameters!) macro writes it.

mod kind;
mod table;
mod types;

use std::fmt;

use serde_json::{Map, Value};

pub use kind::ParameterKind;
pub use types::Parameter;

/// The mapping under `with:`, after environment expressions were substituted.
pub type RawParameters = Map<String, Value>;

/// One row of a parameter table.
#[derive(Clone, Copy, Debug)]
pub struct ParameterField {
    /// The key under `with:`.
    pub name: &'static str,
    /// What values it takes.
    pub kind: ParameterKind,
    /// The value used when the key is absent.
    pub default: DefaultValue,
    /// What it does.
    pub documentation: &'static str,
}

/// The value of a parameter whose key is absent.
#[derive(Clone, Copy, Debug)]
pub enum DefaultValue {
    /// There is none: the key is required.
    Required,
    /// An expression.
    Expression {
        /// As it is written in Rust.
        source: &'static str,
        /// What it makes.
        value: fn() -> Value,
    },
    /// As those told it who made the executor elsewhere: JSON, or words for it.
    Text(&'static str),
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

impl ParameterField {
    /// The value used when the key is absent; `None` when the key is required, or when nobody here can tell.
    pub fn default(&self) -> Option<Value> {
        match self.default {
            DefaultValue::Required => None,
            DefaultValue::Expression { value, .. } => Some(value()),
            DefaultValue::Text(text) => serde_json::from_str(text).ok(),
        }
    }

    /// Whether a value must be given.
    pub fn is_required(&self) -> bool {
        matches!(self.default, DefaultValue::Required)
    }
}

/// The mistakes of `with` that can be told by the table alone: unknown keys, missing values, values of a wrong kind.
pub fn check_parameters(fields: &[ParameterField], with: &RawParameters) -> Vec<ParameterError> {
    let mut reader = ParameterReader::new(with, fields);
    for field in fields {
        match with.get(field.name) {
            Some(value) if field.kind.accepts(value) => {}
            Some(value) => reader.refuse(field.name, &field.kind, value),
            None if field.is_required() => reader.errors.push(ParameterError::Missing { name: field.name }),
            None => {}
        }
    }
    reader.into_errors()
}

/// A typed `with:`; implemented by the [`parameters!`](crate::parameters!) macro.
pub trait Parameters: Sized {
    /// The table, in the order of declaration.
    const FIELDS: &'static [ParameterField];

    /// Reads every field, and reports every mistake at once.
    ///
    /// # Errors
    /// One [`ParameterError`] for each unknown key, missing value and value that does not fit.
    fn parse(with: &RawParameters) -> Result<Self, Vec<ParameterError>>;
}

/// One mistake under `with:`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// The table has no such key.
    #[error("unknown parameter `{name}`")]
    Unknown {
        /// The key as written.
        name: String,
    },
    /// The key has no default and is not there.
    #[error("parameter `{name}` is required")]
    Missing {
        /// The key.
        name: &'static str,
    },
    /// The value does not fit.
    #[error("parameter `{name}` {reason}")]
    Invalid {
        /// The key.
        name: &'static str,
        /// What it must be, and what it is.
        reason: String,
    },
}

/// Collects the fields of one `with:`; the macro's workhorse.
#[derive(Debug)]
pub struct ParameterReader<'a> {
    with: &'a RawParameters,
    errors: Vec<ParameterError>,
}

impl<'a> ParameterReader<'a> {
    /// Starts on `with`; keys outside `fields` are mistakes.
    #[must_use]
    pub fn new(with: &'a RawParameters, fields: &[ParameterField]) -> Self {
        let known = |name: &String| fields.iter().any(|field| field.name == name);
        let unknown = with.keys().filter(|name| !known(name));
        let errors = unknown.map(|name| ParameterError::Unknown { name: name.clone() }).collect();
        Self { with, errors }
    }

    /// The value of `name`, or its default; a mistake is noted and `None` returned.
    pub fn read<T: Parameter>(&mut self, name: &'static str, default: Option<T>) -> Option<T> {
        let Some(value) = self.with.get(name) else {
            if default.is_none() {
                self.errors.push(ParameterError::Missing { name });
            }
            return default;
        };
        match T::parse(value) {
            Some(parsed) => Some(parsed),
            None => {
                self.refuse(name, &T::KIND, value);
                None
            }
        }
    }

    fn refuse(&mut self, name: &'static str, kind: &ParameterKind, value: &Value) {
        let reason = format!("must be {kind}, but is {}", shown(value));
        self.errors.push(ParameterError::Invalid { name, reason });
    }

    /// The mistakes noted so far.
    #[must_use]
    pub fn into_errors(self) -> Vec<ParameterError> {
        self.errors
    }
}

/// A value as a message shows it: JSON, shortened.
pub(crate) fn shown(value: &Value) -> String {
    const CHARACTERS_MAX: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("`{}…`", text.get(..end).unwrap_or_default()),
        None => format!("`{text}`"),
    }
}
