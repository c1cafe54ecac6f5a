//! Which executors a request is meant for.

use regex::Regex;

/// A pattern of executors' names, matched at their beginning as Jina does: `enc` means `encoder` too.
#[derive(Clone, Debug)]
pub struct TargetPattern(Pattern);

#[derive(Clone, Debug)]
enum Pattern {
    /// Almost every target is the beginning of a name, which needs no machine to match.
    Prefix(String),
    Expression(Box<Regex>),
}

impl TargetPattern {
    /// The executors whose names begin with what `pattern`, a regular expression, describes.
    ///
    /// # Errors
    /// Says what is wrong with the expression.
    pub fn new(pattern: &str) -> Result<Self, String> {
        if pattern.chars().all(|letter| letter.is_alphanumeric() || letter == '_') {
            return Ok(Self(Pattern::Prefix(pattern.to_owned())));
        }
        let expression = Regex::new(&format!("^(?:{pattern})"));
        expression.map(|expression| Self(Pattern::Expression(Box::new(expression)))).map_err(|error| {
            let last = error.to_string();
            format!("`{pattern}` is not a pattern of names: {}", last.lines().last().unwrap_or_default())
        })
    }

    /// Whether the executor of that name is meant.
    pub(super) fn means(&self, name: &str) -> bool {
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
    fn a_target_matches_at_the_beginning_of_a_name() {
        for (pattern, name, meant) in [
            ("enc", "encoder", true),
            ("enc", "my_enc", false),
            ("enc|idx", "idx", true),
            ("a|b", "xb", false),
            (".*enc$", "my_enc", true),
        ] {
            assert_eq!(TargetPattern::new(pattern).unwrap().means(name), meant, "{pattern} {name}");
        }
        assert!(TargetPattern::new("a(").unwrap_err().contains("a("));
    }
}
