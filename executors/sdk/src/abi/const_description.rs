//! Description of a library as JSON, written at compile time from the parameter tables of its executors.

use super::const_json::ConstJson;
use crate::{DefaultValue, ExecutorType, ParameterField, ParameterKind};

/// Writes the JSON of a [`Note`](super::Note), the serialized form of [`Description`](super::Description). `name` and
/// `version` are those of the library; `N` is the capacity in bytes.
pub(super) const fn describe<const N: usize>(
    types: &[ExecutorType],
    name: &str,
    version: &str,
) -> ConstJson<N> {
    let mut text = ConstJson::new();
    text.raw("{\"sdk\":");
    text.string(env!("CARGO_PKG_VERSION"));
    text.key("library");
    text.string(name);
    text.key("version");
    text.string(version);
    text.key("executors");
    text.raw("[");
    let mut rest = types;
    while let [kind, others @ ..] = rest {
        executor(&mut text, kind);
        if !others.is_empty() {
            text.raw(",");
        }
        rest = others;
    }
    text.raw("]}");
    text
}

const fn executor<const N: usize>(text: &mut ConstJson<N>, kind: &ExecutorType) {
    text.raw("{\"name\":");
    text.string(kind.name);
    text.key("summary");
    text.string(kind.summary);
    if !kind.aliases.is_empty() {
        text.key("aliases");
        words(text, kind.aliases);
    }
    if kind.stores {
        text.key("stores");
        text.raw("true");
    }
    text.key("parameters");
    text.raw("[");
    let mut rest = kind.fields;
    while let [field, others @ ..] = rest {
        parameter(text, field);
        if !others.is_empty() {
            text.raw(",");
        }
        rest = others;
    }
    text.raw("]}");
}

const fn parameter<const N: usize>(text: &mut ConstJson<N>, field: &ParameterField) {
    text.raw("{\"name\":");
    text.string(field.name);
    text.raw(",");
    kind_entries(text, &field.kind);
    match field.default {
        DefaultValue::Required => {
            text.key("required");
            text.raw("true");
        }
        DefaultValue::Expression { source, .. } | DefaultValue::Text(source) => {
            text.key("default");
            text.string(expression_json(source));
        }
    }
    text.key("doc");
    text.string(field.documentation);
    text.raw("}");
}

/// Writes the entries of an object that describe accepted values.
const fn kind_entries<const N: usize>(text: &mut ConstJson<N>, kind: &ParameterKind) {
    text.raw("\"type\":");
    match kind {
        ParameterKind::Boolean => text.string("boolean"),
        ParameterKind::Integer { min, max } => {
            text.string("integer");
            text.key("least");
            if *min < 0 {
                text.raw("-");
            }
            text.number(min.unsigned_abs());
            text.key("most");
            text.number(*max);
        }
        ParameterKind::Number => text.string("number"),
        ParameterKind::Text => text.string("text"),
        ParameterKind::Path => text.string("path"),
        ParameterKind::Seconds => text.string("seconds"),
        ParameterKind::AccessPaths => text.string("access_paths"),
        ParameterKind::Choice(choices) => {
            text.string("choice");
            text.key("words");
            words(text, choices);
        }
        ParameterKind::Optional(kind) => {
            text.string("optional");
            inner_kind(text, kind);
        }
        ParameterKind::List(kind) => {
            text.string("list");
            inner_kind(text, kind);
        }
        ParameterKind::Array(kind, length) => {
            text.string("array");
            inner_kind(text, kind);
            text.key("length");
            text.number(*length as u64);
        }
        ParameterKind::Mapping => text.string("mapping"),
        ParameterKind::Any => text.string("any"),
        ParameterKind::Other(phrase) => {
            text.string("other");
            text.key("meant");
            text.string(phrase);
        }
    }
}

const fn inner_kind<const N: usize>(text: &mut ConstJson<N>, kind: &ParameterKind) {
    text.key("of");
    text.raw("{");
    kind_entries(text, kind);
    text.raw("}");
}

const fn words<const N: usize>(text: &mut ConstJson<N>, mut words: &[&str]) {
    text.raw("[");
    while let [word, others @ ..] = words {
        text.string(word);
        if !others.is_empty() {
            text.raw(",");
        }
        words = others;
    }
    text.raw("]");
}

/// Converts the source of a default to JSON: literals, `None`, `Some` of a literal, empty strings and lists. The source
/// of any other expression is returned as it is.
const fn expression_json(source: &str) -> &str {
    if let Some(inner) = strip(source, "Some(", ")") {
        return expression_json(inner);
    }
    match source.as_bytes() {
        b"None" => return "null",
        b"String::new()" => return "\"\"",
        b"Vec::new()" | b"vec![]" => return "[]",
        _ => {}
    }
    let mut endings: &[&str] = &[".to_owned()", ".to_string()", ".into()"];
    while let [ending, others @ ..] = endings {
        if let Some(inner) = strip(source, "\"", ending) {
            // With the opening quotation mark.
            return source.split_at(inner.len() + 1).0;
        }
        endings = others;
    }
    source
}

/// Strips a prefix and a suffix.
const fn strip<'a>(text: &'a str, prefix: &str, suffix: &str) -> Option<&'a str> {
    if text.len() < prefix.len() + suffix.len() {
        return None;
    }
    let (head, rest) = text.split_at(prefix.len());
    let (middle, tail) = rest.split_at(rest.len() - suffix.len());
    if same(head, prefix) && same(tail, suffix) { Some(middle) } else { None }
}

const fn same(left: &str, right: &str) -> bool {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    while let ([first, others @ ..], [second, more @ ..]) = (left, right) {
        if *first != *second {
            return false;
        }
        (left, right) = (others, more);
    }
    left.is_empty() && right.is_empty()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::abi::Description;
    use crate::{AccessPaths, BuildError};

    crate::choice! {
        /// A choice.
        enum Colour {
            /// Red.
            Red = "red",
            /// Blue.
            Blue = "blue",
        }
    }

    crate::parameters! {
        /// Fields of several kinds.
        #[expect(dead_code, reason = "only its table is used")]
        struct Sample {
            /// Required,
            /// "quoted" and in \two lines.
            size: u32,
            ratio: f32 = 0.5,
            word: String = "a word".to_owned(),
            colour: Colour = Colour::Blue,
            limit: Option<i32> = Some(-3),
            none: Option<i64> = None,
            access_paths: AccessPaths = AccessPaths::chunks(),
            pairs: Vec<[bool; 2]> = Vec::new(),
        }
    }

    const TYPES: &[ExecutorType] =
        &[ExecutorType::new::<Sample>("Sample", "Does\n nothing.", |_| Err(BuildError::failed("no")))
            .with_aliases(&["S"])
            .with_storage()];
    const LENGTH: usize = describe::<0>(TYPES, "mine", "1.2.3").length;
    const TEXT: ConstJson<LENGTH> = describe(TYPES, "mine", "1.2.3");

    #[test]
    fn the_host_reads_the_description_that_the_compiler_writes() {
        let read: Description = serde_json::from_slice(&TEXT.bytes).unwrap();
        let integer = |least: i64, most: u64| json!({"type": "integer", "least": least, "most": most});
        let parameter = |name: &str, form: serde_json::Value, default: &str| {
            let mut parameter = json!({"name": name, "default": default, "doc": ""});
            parameter.as_object_mut().unwrap().extend(form.as_object().unwrap().clone());
            parameter
        };
        let mut size = integer(0, u32::MAX.into());
        size["name"] = "size".into();
        size["required"] = true.into();
        size["doc"] = "Required, \"quoted\" and in \\two lines.".into();
        let expected = json!({
            "sdk": env!("CARGO_PKG_VERSION"),
            "library": "mine",
            "version": "1.2.3",
            "executors": [{
                "name": "Sample",
                "summary": "Does nothing.",
                "aliases": ["S"],
                "stores": true,
                "parameters": [
                    size,
                    parameter("ratio", json!({"type": "number"}), "0.5"),
                    parameter("word", json!({"type": "text"}), "\"a word\""),
                    parameter("colour", json!({"type": "choice", "words": ["red", "blue"]}), "Colour::Blue"),
                    parameter("limit", json!({"type": "optional", "of": integer(i32::MIN.into(), i32::MAX.unsigned_abs().into())}), "-3"),
                    parameter(
                        "none",
                        json!({"type": "optional", "of": integer(i64::MIN, i64::MAX.unsigned_abs())}),
                        "null"
                    ),
                    parameter("access_paths", json!({"type": "access_paths"}), "AccessPaths::chunks()"),
                    parameter(
                        "pairs",
                        json!({"type": "list", "of": {"type": "array", "of": {"type": "boolean"}, "length": 2}}),
                        "[]"
                    ),
                ],
            }],
        });
        assert_eq!(read, serde_json::from_value(expected.clone()).unwrap());
        assert_eq!(serde_json::to_value(&read).unwrap(), expected);
    }
}
