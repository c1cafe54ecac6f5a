//! Variables for expressions in a flow file.

use std::collections::BTreeMap;

use super::expression::Scope;

/// Values of variables: those of the process, overridden by those that are set on the command line.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    command_line: BTreeMap<String, String>,
    process: BTreeMap<String, String>,
}

impl Environment {
    /// The environment of this process, overridden by variables that are set on the command line.
    #[must_use]
    pub fn from_process(command_line: impl IntoIterator<Item = (String, String)>) -> Self {
        let process = std::env::vars_os();
        let process =
            process.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self { command_line: command_line.into_iter().collect(), process: process.collect() }
    }

    /// An environment with these variables only.
    #[must_use]
    pub fn from_variables<const N: usize>(variables: [(&str, &str); N]) -> Self {
        let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { command_line: owned.into_iter().collect(), process: BTreeMap::new() }
    }

    /// The value of a variable: from the command line, else from the process if `scope` is [`Scope::Any`].
    pub(super) fn get(&self, name: &str, scope: Scope) -> Option<&str> {
        let process = || self.process.get(name).filter(|_| scope == Scope::Any);
        self.command_line.get(name).or_else(process).map(String::as_str)
    }

    /// The value of a variable, set on the command line or in the process.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.get(name, Scope::Any)
    }

    /// The names of all variables, for suggestions; a name may occur twice.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.command_line.keys().chain(self.process.keys()).map(String::as_str)
    }
}
