//! The characters that end a sentence, as a parameter.

use flowrun_sdk::{Parameter, ParameterKind, Value};

/// The characters that end a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Punctuation(Vec<char>);

impl Punctuation {
    /// Whether `character` ends a sentence.
    pub(crate) fn contains(&self, character: char) -> bool {
        self.0.contains(&character)
    }
}

impl Default for Punctuation {
    /// Jina's list: full stops, question and exclamation marks of many scripts, and the end of a line.
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
        // Jina takes an empty one for none given.
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
    fn a_text_and_a_list_of_its_characters_mean_the_same() {
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
    fn the_default_reads_back_from_how_it_is_shown() {
        let default = Punctuation::default();
        assert_eq!(Punctuation::parse(&default.to_value()), Some(default));
    }
}
