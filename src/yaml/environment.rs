//! The variables of a run.

use std::collections::BTreeMap;

use super::expression::Scope;

/// What variables stand for: first what the command line sets, then the environment of the process.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    set: BTreeMap<String, String>,
    process: BTreeMap<String, String>,
}

impl Environment {
    /// The environment of this process, with what the command line sets before it.
    #[must_use]
    pub fn from_process(set: impl IntoIterator<Item = (String, String)>) -> Self {
        let process = std::env::vars_os();
        let process =
            process.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self { set: set.into_iter().collect(), process: process.collect() }
    }

    /// An environment of these variables alone.
    #[must_use]
    pub fn from_variables<const N: usize>(variables: [(&str, &str); N]) -> Self {
        let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { set: owned.into_iter().collect(), process: BTreeMap::new() }
    }

    /// The value of a variable.
    pub(super) fn get(&self, name: &str, scope: Scope) -> Option<&str> {
        let process = || self.process.get(name).filter(|_| scope == Scope::Any);
        self.set.get(name).or_else(process).map(String::as_str)
    }

    /// The value of a variable of the command line or of the process.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.get(name, Scope::Any)
    }

    /// The names of all variables.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.set.keys().chain(self.process.keys()).map(String::as_str)
    }
}
