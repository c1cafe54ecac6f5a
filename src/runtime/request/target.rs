//! The pattern of executor names that a request is addressed to.

use regex::Regex;

/// A regular expression matched at the beginning of executor names, as Jina does: `enc` matches `encoder` too.
#[derive(Clone, Debug)]
pub struct TargetPattern(Pattern);

#[derive(Clone, Debug)]
enum Pattern {
    /// The common case, matched without the regex engine.
    Prefix(String),
    Expression(Box<Regex>),
}

impl TargetPattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// The message names the pattern and the mistake in it.
    pub fn new(pattern: &str) -> Result<Self, String> {
        if pattern.chars().all(|letter| letter.is_alphanumeric() || letter == '_') {
            return Ok(Self(Pattern::Prefix(pattern.to_owned())));
        }
        let expression = Regex::new(&format!("^(?:{pattern})"));
        expression.map(|expression| Self(Pattern::Expression(Box::new(expression)))).map_err(|error| {
            let error = error.to_string();
            let mistake = error.lines().last().unwrap_or_default();
            format!("`{pattern}` is not a pattern of executor names: {mistake}")
        })
    }

    /// Returns `true` when the request is addressed to the executor `name`.
    pub(in crate::runtime) fn matches(&self, name: &str) -> bool {
        match &self.0 {
            Pattern::Prefix(prefix) => name.starts_with(prefix.as_str()),
            Pattern::Expression(expression) => expression.is_match(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_at_the_beginning_of_a_name() {
        for (pattern, name, matches) in [
            ("enc", "encoder", true),
            ("enc", "my_enc", false),
            ("enc|idx", "idx", true),
            ("a|b", "xb", false),
            (".*enc$", "my_enc", true),
        ] {
            assert_eq!(TargetPattern::new(pattern).unwrap().matches(name), matches, "{pattern} {name}");
        }
        assert!(TargetPattern::new("a(").unwrap_err().contains("a("));
    }
}
