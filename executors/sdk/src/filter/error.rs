//! Errors of parsing a filter.

use std::fmt;

/// Maximum number of characters of a step in a message.
const STEP_CHARACTERS_MAX: usize = 60;

/// A mistake in a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// Path to the mistake: keys, and positions in lists. Empty if it concerns the whole filter.
    pub path: Vec<String>,
    /// The cause, as a phrase that follows the path: `must be a list of values`.
    pub reason: String,
    /// Valid replacements of the last step, if that is the mistake; empty otherwise.
    pub known: Vec<&'static str>,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shorten = |step: &String| step.chars().take(STEP_CHARACTERS_MAX).collect::<String>();
        match self.path.is_empty() {
            true => f.write_str(&self.reason),
            false => {
                let path: Vec<String> = self.path.iter().map(shorten).collect();
                write!(f, "`{}` {}", path.join("."), self.reason)
            }
        }
    }
}

impl std::error::Error for FilterError {}
