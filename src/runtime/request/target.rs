//! The pattern of executor names that a request is addressed to.

use flowrun_sdk::ClientRegex;

/// Characters of a pattern in an error message.
const PATTERN_CHARACTERS_SHOWN: usize = 60;

/// A regular expression matched at the beginning of executor names, as Jina does: `enc` matches `encoder` too.
#[derive(Clone, Debug)]
pub struct TargetPattern {
    /// The pattern as the client sent it.
    written: String,
    /// `None` for the beginning of a name, the common case, which is matched without the regex engine.
    expression: Option<ClientRegex>,
}

impl TargetPattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// The message names the pattern and the mistake in it.
    pub fn new(pattern: &str) -> Result<Self, String> {
        if pattern.chars().all(|letter| letter.is_alphanumeric() || letter == '_') {
            return Ok(Self { written: pattern.to_owned(), expression: None });
        }
        let written = pattern.to_owned();
        let expression = ClientRegex::new(&format!("^(?:{pattern})"));
        expression.map(|expression| Self { written, expression: Some(expression) }).map_err(|reason| {
            let pattern: String = pattern.chars().take(PATTERN_CHARACTERS_SHOWN).collect();
            format!("`{pattern}` is not a pattern of executor names: it {reason}")
        })
    }

    /// Returns `true` when the request is addressed to the executor `name`.
    pub(in crate::runtime) fn matches(&self, name: &str) -> bool {
        match &self.expression {
            None => name.starts_with(&self.written),
            Some(expression) => expression.is_match(name),
        }
    }

    /// The pattern as the client sent it.
    pub(in crate::runtime) fn as_str(&self) -> &str {
        &self.written
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

    #[test]
    fn a_pattern_beyond_the_bound_is_rejected_with_the_bound() {
        let error = TargetPattern::new(&"a|".repeat(1_000_000)).unwrap_err();
        assert!(error.contains("more than the 1024") && error.len() < 200, "{error}");
    }
}
