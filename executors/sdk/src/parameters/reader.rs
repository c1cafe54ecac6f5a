//! Parsing of a parameter table, and its errors.

use serde_json::{Map, Value};

use super::field::ParameterField;
use super::kind::ParameterKind;
use super::types::Parameter;
use crate::value_preview::value_preview;

/// Parameters as a JSON object, not parsed yet: the mapping under `with:` after substitution of variables.
pub type RawParameters = Map<String, Value>;

/// Typed parameters, implemented by [`parameters!`](crate::parameters!).
pub trait Parameters: Sized {
    /// The table, in the order of declaration.
    const FIELDS: &'static [ParameterField];

    /// Parses all fields.
    ///
    /// # Errors
    /// One [`ParameterError`] for each unknown key, missing key and invalid value.
    fn parse(with: &RawParameters) -> Result<Self, Vec<ParameterError>>;
}

/// One mistake in parameters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// The table does not have the key.
    #[error("unknown parameter `{name}`")]
    Unknown {
        /// The key.
        name: String,
    },
    /// The key is required and absent.
    #[error("parameter `{name}` is required")]
    Missing {
        /// The key.
        name: &'static str,
    },
    /// The value has the wrong type or is out of range.
    #[error("parameter `{name}` {reason}")]
    Invalid {
        /// The key.
        name: &'static str,
        /// The accepted values and the actual one.
        reason: String,
    },
}

/// Returns the mistakes that the table alone can find: unknown keys, missing keys and values of the wrong kind.
pub fn check_parameters(fields: &[ParameterField], with: &RawParameters) -> Vec<ParameterError> {
    let mut reader = ParameterReader::new(with, fields);
    for field in fields {
        match with.get(field.name) {
            Some(value) if field.kind.accepts(value) => {}
            Some(value) => reader.add_invalid(field.name, &field.kind, value),
            None if field.is_required() => reader.errors.push(ParameterError::Missing { name: field.name }),
            None => {}
        }
    }
    reader.into_errors()
}

/// Reads fields one by one and collects the mistakes. Generated code uses it.
#[derive(Debug)]
pub struct ParameterReader<'a> {
    with: &'a RawParameters,
    errors: Vec<ParameterError>,
}

impl<'a> ParameterReader<'a> {
    /// Starts reading; keys that are not in `fields` are mistakes.
    #[must_use]
    pub fn new(with: &'a RawParameters, fields: &[ParameterField]) -> Self {
        let is_known = |name: &String| fields.iter().any(|field| field.name == name);
        let unknown = with.keys().filter(|name| !is_known(name));
        let errors = unknown.map(|name| ParameterError::Unknown { name: name.clone() }).collect();
        Self { with, errors }
    }

    /// Returns the value of `name`, or its default. Records a mistake and returns `None` if there is neither, or if the
    /// value is invalid.
    pub fn read<T: Parameter>(&mut self, name: &'static str, default: Option<T>) -> Option<T> {
        let Some(value) = self.with.get(name) else {
            if default.is_none() {
                self.errors.push(ParameterError::Missing { name });
            }
            return default;
        };
        let parsed = T::parse(value);
        if parsed.is_none() {
            self.add_invalid(name, &T::KIND, value);
        }
        parsed
    }

    fn add_invalid(&mut self, name: &'static str, kind: &ParameterKind, value: &Value) {
        let reason = format!("must be {kind}, but is {}", value_preview(value));
        self.errors.push(ParameterError::Invalid { name, reason });
    }

    /// Returns the recorded mistakes.
    #[must_use]
    pub fn into_errors(self) -> Vec<ParameterError> {
        self.errors
    }
}
