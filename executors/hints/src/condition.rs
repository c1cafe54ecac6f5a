//! Conditions of a filter, written as an expression.

use std::fmt;

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    /// A tag, a comparison such as `>=`, and a value.
    Compare(String, &'static str, Literal),
    /// A tag equals one of the values.
    OneOf(String, Vec<Literal>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

/// A value in an expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Number(f64),
    Text(String),
}

impl From<f64> for Literal {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<String> for Literal {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Condition {
    pub(crate) fn compare(tag: &str, comparison: &'static str, value: impl Into<Literal>) -> Self {
        Self::Compare(tag.to_owned(), comparison, value.into())
    }

    /// From a value up to one that is included (`<=`) or not (`<`).
    pub(crate) fn range<T: Into<Literal>>(tag: &str, from: T, comparison: &'static str, to: T) -> Self {
        Self::All(vec![Self::compare(tag, ">=", from), Self::compare(tag, comparison, to)])
    }

    /// Equality is negated as `!=`.
    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Compare(tag, "==", value) => Self::Compare(tag, "!=", value),
            condition => Self::Not(Box::new(condition)),
        }
    }

    /// A disjunction: equalities of one tag become a list.
    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Compare(tag, "==", first), Self::Compare(other, "==", second)) if tag == other => {
                Self::OneOf(tag, vec![first, second])
            }
            (Self::OneOf(tag, mut values), Self::Compare(other, "==", value)) if tag == other => {
                values.push(value);
                Self::OneOf(tag, values)
            }
            (Self::Any(mut alternatives), other) => {
                alternatives.push(other);
                Self::Any(alternatives)
            }
            (first, second) => Self::Any(vec![first, second]),
        }
    }

    fn write_part(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(_) | Self::Any(_) => write!(f, "({self})"),
            part => write!(f, "{part}"),
        }
    }

    fn write_joined(parts: &[Self], word: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, part) in parts.iter().enumerate() {
            if number > 0 {
                write!(f, " {word} ")?;
            }
            part.write_part(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compare(tag, comparison, value) => write!(f, "{} {comparison} {value}", Name(tag)),
            Self::OneOf(tag, values) => {
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                write!(f, "{} in [{}]", Name(tag), values.join(", "))
            }
            Self::All(parts) => Self::write_joined(parts, "and", f),
            Self::Any(parts) => Self::write_joined(parts, "or", f),
            Self::Not(part) => write!(f, "not ({part})"),
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        }
    }
}

/// Name of a tag, in backquotes unless it consists of letters, digits and `_`.
struct Name<'a>(&'a str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let begins_plain = self.0.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        let is_keyword =
            ["and", "or", "not", "in", "exists", "true", "false"].contains(&self.0.to_lowercase().as_str());
        match begins_plain && self.0.chars().all(is_plain) && !is_keyword {
            true => f.write_str(self.0),
            false => write!(f, "`{}`", self.0),
        }
    }
}
