//! Parameter type for the characters that end a sentence.

use flowrun_sdk::{Parameter, ParameterKind, Value};

/// The characters that end a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Punctuation(Vec<char>);

impl Punctuation {
    /// Checks that `character` ends a sentence.
    pub(crate) fn contains(&self, character: char) -> bool {
        self.0.contains(&character)
    }
}

impl Default for Punctuation {
    /// Jina's default: full stops, question and exclamation marks of many scripts, and the line feed.
    fn default() -> Self {
        Self("!.?։؟۔܀܁܂‼‽⁇⁈⁉⸮﹖﹗！．？｡。\n".chars().collect())
    }
}

impl Parameter for Punctuation {
    const KIND: ParameterKind =
        ParameterKind::Other("a text of punctuation characters, a list of them, or null for the usual ones");

    fn parse(value: &Value) -> Option<Self> {
        let characters: String = match value {
            Value::Null => return Some(Self::default()),
            Value::String(characters) => characters.clone(),
            Value::Array(characters) => characters.iter().map(Value::as_str).collect::<Option<_>>()?,
            _ => return None,
        };
        // As in Jina, an empty value means the default.
        Some(if characters.is_empty() { Self::default() } else { Self(characters.chars().collect()) })
    }

    fn to_value(&self) -> Value {
        Value::from(self.0.iter().collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_and_a_list_of_its_characters_are_equivalent() {
        assert_eq!(Punctuation::parse(&json!(";。")), Punctuation::parse(&json!([";", "。"])));
        assert!(Punctuation::parse(&json!(";。")).unwrap().contains('。'));
        for unset in [json!(null), json!(""), json!([])] {
            assert_eq!(Punctuation::parse(&unset), Some(Punctuation::default()), "{unset}");
        }
        for wrong in [json!(1), json!([1]), json!({})] {
            assert_eq!(Punctuation::parse(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_serialised_default_parses_again() {
        let default = Punctuation::default();
        assert_eq!(Punctuation::parse(&default.to_value()), Some(default));
    }
}
