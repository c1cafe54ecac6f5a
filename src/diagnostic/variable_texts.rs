//! Replaces the values of variables in printed text by the expressions that they come from.
//!
//! A flow file may take a token or a password from a variable, and any message may quote any text of the file. Values are
//! therefore replaced where text is printed (reports, errors, normal forms and drawings), not where it is produced.

use std::borrow::Cow;

/// Values of fewer bytes are not replaced: they occur in every message, and no secret is that short.
const BYTES_MIN: usize = 4;

/// Words of YAML, which are no secrets.
const WORDS: [&str; 4] = ["true", "false", "null", "none"];

/// Values of variables, and of scalars with variables in them, each with its expression in the file.
#[derive(Clone, Debug, Default)]
pub struct VariableTexts {
    /// Values and expressions, the longest values first.
    texts: Vec<(String, String)>,
}

impl VariableTexts {
    /// Adds a value and the expression that it comes from, such as `${TOKEN}` or `Bearer ${TOKEN}`.
    pub fn insert(&mut self, value: &str, written: &str) {
        self.insert_text(value, written);
        // The escaped form, as in a message that quotes the value with `{:?}`.
        self.insert_text(&value.escape_debug().to_string(), written);
    }

    fn insert_text(&mut self, value: &str, written: &str) {
        let is_word = WORDS.iter().any(|word| word.eq_ignore_ascii_case(value));
        let is_known = self.texts.iter().any(|(known, _)| known == value);
        if value.len() < BYTES_MIN || value == written || is_word || is_known {
            return;
        }
        let position = self.texts.partition_point(|(known, _)| known.len() >= value.len());
        self.texts.insert(position, (value.to_owned(), written.to_owned()));
    }

    /// The text with every value replaced by its expression. Values within a longer word are left.
    pub fn as_written<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let (mut written, mut copied) = (String::new(), 0);
        for (start, _) in text.char_indices() {
            if start < copied {
                continue;
            }
            if let Some((value, expression)) = self.at(text, start) {
                written.push_str(text.get(copied..start).unwrap_or_default());
                written.push_str(expression);
                copied = start + value.len();
            }
        }
        if copied == 0 {
            return Cow::Borrowed(text);
        }
        written.push_str(text.get(copied..).unwrap_or_default());
        Cow::Owned(written)
    }

    /// The longest value at `start`, and its expression.
    fn at(&self, text: &str, start: usize) -> Option<(&str, &str)> {
        let (before, rest) = text.split_at_checked(start)?;
        let matches = |value: &str| {
            rest.strip_prefix(value).is_some_and(|after| {
                !joined(before.chars().next_back(), value.chars().next())
                    && !joined(value.chars().next_back(), after.chars().next())
            })
        };
        let found = self.texts.iter().find(|(value, _)| matches(value));
        found.map(|(value, written)| (value.as_str(), written.as_str()))
    }
}

/// True if two adjacent characters belong to one word.
fn joined(left: Option<char>, right: Option<char>) -> bool {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    left.is_some_and(is_word) && right.is_some_and(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pairs: &[(&str, &str)]) -> VariableTexts {
        let mut texts = VariableTexts::default();
        pairs.iter().for_each(|(value, written)| texts.insert(value, written));
        texts
    }

    #[test]
    fn the_longest_value_is_replaced_by_its_expression() {
        let texts = texts(&[("secret", "${TOK}"), ("grpc://u:secret@h:2", "grpc://u:${TOK}@h:2")]);
        for (text, written) in [
            ("is [\"grpc://u:secret@h:2\"]", "is [\"grpc://u:${TOK}@h:2\"]"),
            ("user u:secret at h", "user u:${TOK} at h"),
            ("secret secret", "${TOK} ${TOK}"),
            ("éé secret", "éé ${TOK}"),
        ] {
            assert_eq!(texts.as_written(text), written);
        }
    }

    #[test]
    fn other_texts_are_left_as_they_are() {
        let texts = texts(&[("index", "$A"), ("abc", "$B"), ("true", "$C"), ("same", "same")]);
        for text in ["an indexer, reindex, index_1", "abc", "true or same", ""] {
            assert!(matches!(texts.as_written(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn an_expression_is_not_replaced_again() {
        assert_eq!(texts(&[("value", "${NAME}"), ("NAME", "${OTHER}")]).as_written("value"), "${NAME}");
    }

    #[test]
    fn a_value_is_found_in_its_escaped_form() {
        let texts = texts(&[("pass\"word", "$P")]);
        assert_eq!(texts.as_written(r#"is "pass\"word""#), "is \"$P\"");
    }
}
