//! Regular expressions that clients send: bounded in length and compiled size, and cached.
//!
//! Clients repeat their expressions with every request, and some are compiled on threads that serve connections. The
//! bounds keep one compilation below a few milliseconds, and the cache makes it rare.

use std::collections::VecDeque;

use parking_lot::Mutex;
use regex::{Regex, RegexBuilder};

/// Maximum length of an expression in bytes.
const LENGTH_MAX: usize = 1024;

/// Maximum size of a compiled expression in bytes. Compiling takes a time proportional to it, matching a time
/// proportional to the text.
const COMPILED_BYTES_MAX: usize = 512 << 10;

/// Compiled expressions that are kept, the latest ones: at most 16 MiB.
const CACHED_MAX: usize = 32;

/// A compiled regular expression of a client. Clones share the compiled form.
#[derive(Clone, Debug)]
pub struct ClientRegex(Regex);

impl ClientRegex {
    /// Compiles `expression`, or returns the compiled form of an earlier request.
    ///
    /// # Errors
    /// A fragment that follows the name of the expression and states the mistake in it, or the bound that it exceeds.
    pub fn new(expression: &str) -> Result<Self, String> {
        static CACHE: Mutex<VecDeque<Regex>> = Mutex::new(VecDeque::new());
        if expression.len() > LENGTH_MAX {
            return Err(format!(
                "has {} bytes, more than the {LENGTH_MAX} that a regular expression may have",
                expression.len()
            ));
        }
        if let Some(cached) = CACHE.lock().iter().find(|cached| cached.as_str() == expression) {
            return Ok(Self(cached.clone()));
        }
        // Compiled without the lock, so that one expression delays no other request.
        let compiled = RegexBuilder::new(expression).size_limit(COMPILED_BYTES_MAX).build();
        let compiled = compiled.map_err(|error| mistake(&error))?;
        let mut cache = CACHE.lock();
        cache.truncate(CACHED_MAX - 1);
        cache.push_front(compiled.clone());
        Ok(Self(compiled))
    }

    /// Returns `true` if the expression matches a part of `text`.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// The expression as it was sent.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

fn mistake(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(bytes_max) => format!(
            "is a regular expression that compiles to more than the {bytes_max} bytes allowed; use fewer or smaller \
             repetitions"
        ),
        error => {
            let message = error.to_string();
            format!("is not a regular expression: {}", message.lines().last().unwrap_or_default().trim())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_beyond_a_bound_are_rejected_with_the_bound() {
        let longest = "a".repeat(LENGTH_MAX);
        assert!(ClientRegex::new(&longest).unwrap().is_match(&longest));
        let error = ClientRegex::new(&format!("{longest}a")).unwrap_err();
        assert_eq!(error, "has 1025 bytes, more than the 1024 that a regular expression may have");
        let error = ClientRegex::new(r"(\w{100}){100}").unwrap_err();
        assert!(error.contains("more than the 524288 bytes allowed"), "{error}");
    }

    #[test]
    fn expressions_that_people_write_are_within_the_bounds() {
        for expression in
            [r"^[\w.+-]+@\w+\.\w{2,}$", r"(?i)\b(straße|café)\b", r"^\p{Lu}\w*(\s\p{Lu}\w*){1,3}$"]
        {
            ClientRegex::new(expression).unwrap_or_else(|error| panic!("{expression} {error}"));
        }
    }

    #[test]
    fn a_mistake_is_named() {
        let error = ClientRegex::new("a(").unwrap_err();
        assert_eq!(error, "is not a regular expression: error: unclosed group");
    }

    #[test]
    fn an_expression_that_left_the_cache_is_compiled_again() {
        for number in 0..=CACHED_MAX {
            assert!(ClientRegex::new(&format!("^{number}$")).unwrap().is_match(&number.to_string()));
        }
        assert!(ClientRegex::new("^0$").unwrap().is_match("0"));
    }
}
