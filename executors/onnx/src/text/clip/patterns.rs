//! Regular expressions that are compiled on first use.

use std::borrow::Cow;
use std::sync::OnceLock;

use regex::Regex;

/// A constant regular expression.
pub(super) struct Pattern {
    text: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// Creates a pattern from the text of an expression, which has to be valid.
    pub(super) const fn new(text: &'static str) -> Self {
        Self { text, compiled: OnceLock::new() }
    }

    /// Compiles the expression. Tests use all expressions, so that none is invalid.
    fn compiled(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Regex::new(self.text).ok()).as_ref()
    }

    /// All matches in order.
    pub(super) fn find<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a str> {
        self.compiled().into_iter().flat_map(|regex| regex.find_iter(text)).map(|found| found.as_str())
    }

    /// Replaces every match by the result of `make`; `None` keeps the match.
    pub(super) fn replace<'a>(&self, text: &'a str, make: impl Fn(&str) -> Option<String>) -> Cow<'a, str> {
        let Some(regex) = self.compiled() else { return Cow::Borrowed(text) };
        regex.replace_all(text, |found: &regex::Captures<'_>| {
            let found = found.get(0).map_or("", |found| found.as_str());
            make(found).unwrap_or_else(|| found.to_owned())
        })
    }
}
