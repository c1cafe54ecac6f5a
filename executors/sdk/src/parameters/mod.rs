//! What an executor can be told under `with:`. One table of fields is the parser, the defaults and the
//! documentation at once; the [`parameters!`](crate::parameters!) macro writes it.

mod table;
mod types;

use serde_json::{Map, Value};

pub use types::Parameter;

/// The mapping under `with:`, after environment expressions were substituted.
pub type With = Map<String, Value>;

/// One row of a parameter table.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The key under `with:`.
    pub name: &'static str,
    /// What values it takes, for people: `integer ≥ 1`, `cosine | euclidean`.
    pub kind: fn() -> String,
    /// The value used when the key is absent; `None` when the key is required.
    pub default: fn() -> Option<Value>,
    /// What it does.
    pub documentation: &'static str,
}

/// A typed `with:`; implemented by the [`parameters!`](crate::parameters!) macro.
pub trait Parameters: Sized {
    /// The table, in the order of declaration.
    const FIELDS: &'static [Field];

    /// Reads every field, and reports every mistake at once.
    ///
    /// # Errors
    /// One [`ParameterError`] for each unknown key, missing value and value that does not fit.
    fn parse(with: &With) -> Result<Self, Vec<ParameterError>>;
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
pub struct Reader<'a> {
    with: &'a With,
    errors: Vec<ParameterError>,
}

impl<'a> Reader<'a> {
    /// Starts on `with`; keys outside `fields` are mistakes.
    #[must_use]
    pub fn new(with: &'a With, fields: &[Field]) -> Self {
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
                let reason = format!("must be {}, but is {}", T::kind(), shown(value));
                self.errors.push(ParameterError::Invalid { name, reason });
                None
            }
        }
    }

    /// The mistakes noted so far.
    #[must_use]
    pub fn finish(self) -> Vec<ParameterError> {
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
