//! Command-line arguments.

use std::path::PathBuf;

use crate::error::DemoError;

/// Size, seed and output directory of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) out: PathBuf,
    pub(crate) seed: u64,
    /// Number of indexed files per class.
    pub(crate) per_class: usize,
    /// Number of files per class that are held out as queries.
    pub(crate) held_out: usize,
}

/// Largest number of files per class. More are probably a typing error: the set would take gigabytes.
const PER_CLASS_MAX: usize = 1000;

impl Arguments {
    /// The default set in `out`.
    pub(crate) fn new(out: impl Into<PathBuf>) -> Self {
        Self { out: out.into(), seed: 1, per_class: 10, held_out: 2 }
    }

    /// Parses the arguments after the program's name.
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, DemoError> {
        let mut words = words.into_iter();
        let mut arguments = Self::new("");
        while let Some(word) = words.next() {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (word, words.next()),
            };
            let value = value.ok_or_else(|| DemoError::Usage(format!("`{name}` needs a value")))?;
            match name.as_str() {
                "--out" => arguments.out = value.into(),
                "--seed" => arguments.seed = number(&name, &value, u64::MAX)?,
                "--per-class" => arguments.per_class = count(&name, &value)?,
                "--held-out" => arguments.held_out = count(&name, &value)?,
                _ => return Err(DemoError::Usage(format!("unknown argument `{name}`"))),
            }
        }
        if arguments.out.as_os_str().is_empty() {
            return Err(DemoError::Usage("`--out` is missing".to_owned()));
        }
        Ok(arguments)
    }
}

fn count(name: &str, value: &str) -> Result<usize, DemoError> {
    number(name, value, PER_CLASS_MAX as u64).map(|count| count as usize)
}

fn number(name: &str, value: &str, max: u64) -> Result<u64, DemoError> {
    let wrong = || DemoError::Usage(format!("`{name}` must be an integer from 0 to {max}, but is `{value}`"));
    value.parse().ok().filter(|&number| number <= max).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, DemoError> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn arguments_are_accepted_in_any_order_and_with_or_without_equals_sign() {
        let expected = Arguments { out: "a/b".into(), seed: 7, per_class: 3, held_out: 0 };
        assert_eq!(parse("--held-out 0 --seed=7 --out a/b --per-class 3").unwrap(), expected);
        assert_eq!(parse("--out=x").unwrap(), Arguments::new("x"));
    }

    #[test]
    fn errors_name_the_argument() {
        for (line, message) in [
            ("", "`--out` is missing"),
            ("--out", "`--out` needs a value"),
            ("--out x --seed -1", "`--seed` must be an integer from 0 to 18446744073709551615, but is `-1`"),
            ("--out x --per-class 1001", "`--per-class` must be an integer from 0 to 1000, but is `1001`"),
            ("--out x --frames 3", "unknown argument `--frames`"),
        ] {
            let error = parse(line).unwrap_err().to_string();
            assert_eq!(error.lines().next().unwrap(), message);
        }
    }
}
