//! Fields of many numbers in JSON documents of docarray's second schema: arrays under names of the user's choice, or in
//! documents. They are read from their text into the message that [`ExtraFields`](flowrun_wire::ExtraFields) has of them.
//!
//! `serde_json` does not report positions. A name that has no escapes is borrowed from the text, so that its address is its
//! position. The value of a name with escapes is found after that of the field before; if there is none, it becomes a tag.

use std::fmt;

use flowrun_wire::NumbersJson;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, Visitor};

use super::json_value::ReadContext;

/// Reads the names of the fields of an object, and finds the texts of their values.
pub(super) struct FieldTexts<'c> {
    context: &'c ReadContext<'c>,
    /// The text from the value of the current field.
    current: Option<&'c [u8]>,
}

impl<'c> FieldTexts<'c> {
    pub(super) fn new(context: &'c ReadContext<'c>) -> Self {
        Self { context, current: None }
    }

    /// Value of the current field, if it has many numbers.
    pub(super) fn numbers(&self) -> Option<NumbersJson<'c>> {
        NumbersJson::find(self.current?)
    }

    /// Moves to the value of a name, or of an unknown name with escapes.
    fn advance(&mut self, name: Option<&str>) {
        let next = match name {
            Some(name) => self.after_name(name),
            None => self
                .current
                .and_then(after_value)
                .and_then(|text| text.strip_prefix(b","))
                .and_then(after_value),
        };
        let value = next.and_then(|text| text.strip_prefix(b":"));
        self.current = value.map(<[u8]>::trim_ascii_start);
    }

    /// The text after a name in the request.
    fn after_name(&self, name: &str) -> Option<&'c [u8]> {
        let body = self.context.body;
        let position = name.as_ptr().addr().checked_sub(body.as_ptr().addr())?;
        let text = body.get(position.checked_add(name.len())?..)?.strip_prefix(b"\"")?;
        Some(text.trim_ascii_start())
    }
}

/// The text after its first value.
fn after_value(text: &[u8]) -> Option<&[u8]> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    Some(text.get(values.byte_offset()..)?.trim_ascii_start())
}

impl<'de> DeserializeSeed<'de> for &mut FieldTexts<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for &mut FieldTexts<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<String, E> {
        self.advance(Some(name));
        self.context.take(name.len())?;
        Ok(name.to_owned())
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<String, E> {
        self.advance(None);
        self.context.take(name.len())?;
        Ok(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use flowrun_sdk::Document;
    use flowrun_wire::TAG_NUMBERS_MAX;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::super::json_document::{DocumentForm, JsonDocument};
    use super::super::json_request;
    use crate::gateway::admission::Admission;
    use crate::gateway::call_metadata::CallMetadata;

    /// Reads a document from a request of a client of the second schema.
    fn read(document: &str) -> Document {
        let text =
            format!(r#"{{"header": {{"request_id": "r", "exec_endpoint": "/x"}}, "data": [{document}]}}"#);
        let permit = Admission::new(1, 0).bytes_permit();
        let message = json_request::read(Bytes::from(text), None, &CallMetadata::default(), &permit);
        let (request, _) = message.unwrap_or_else(|error| panic!("{error:?}")).split();
        request.documents[0].clone()
    }

    fn written(document: &Document) -> Value {
        serde_json::to_value(JsonDocument::new(document, DocumentForm::Schema2)).unwrap()
    }

    /// Many numbers.
    fn numbers() -> Value {
        vec![1; TAG_NUMBERS_MAX + 1].into()
    }

    /// True if the document has a field as numbers, and not as a tag.
    fn is_numbers(document: &Document, name: &str) -> bool {
        document.tags["__fields__"]["nodes"].get(name).is_some() && !document.tags.contains_key(name)
    }

    /// An array of numbers whose rows are repeated: of a few numbers, or up to 1 MB.
    fn array() -> impl Strategy<Value = Value> {
        let number = prop_oneof![
            Just(json!(0)),
            Just(json!(-1)),
            Just(json!(0.0)),
            any::<i32>().prop_map(Value::from),
            (-1e9..1e9_f64).prop_map(Value::from),
        ];
        let row = proptest::collection::vec(number, 1..4);
        let repeated = |item: Value, count| Value::from(vec![item; count]);
        (row, prop_oneof![1..10_usize, 2_000..6_000_usize], 1..4_usize)
            .prop_map(move |(row, count, planes)| repeated(repeated(row.into(), count), planes))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn arrays_in_every_field_are_returned_as_sent(
            arrays in proptest::collection::vec((prop_oneof!["[a-d]", "größe", "a\"", "tensor"], array()), 1..4),
            spaces: bool,
        ) {
            let mut sent = json!({"id": "a", "price": 1.5});
            for (name, array) in arrays {
                // The array as a field, in a nested document, and in a list of documents.
                sent[&name] = array.clone();
                sent["image"] = json!({"id": "b", "url": null, "tensor": array.clone()});
                sent["chunks"] = json!([{"id": "c", "features": array}]);
            }
            let mut text = sent.to_string().replace("größe", "gr\\u00f6\\u00dfe");
            if spaces {
                text = text.replace(',', " ,\n ").replace(':', "\t: ");
            }
            prop_assert_eq!(written(&read(&text)), with_floats(sent));
        }
    }

    /// The document with the numbers of `tensor` in single precision.
    fn with_floats(mut document: Value) -> Value {
        fn single(value: &mut Value) {
            match value {
                Value::Array(items) => items.iter_mut().for_each(single),
                number => *number = (number.as_f64().unwrap() as f32).into(),
            }
        }
        if let Some(tensor) = document.get_mut("tensor") {
            single(tensor);
        }
        document
    }

    #[test]
    fn fields_of_many_numbers_are_no_tags_and_others_are() {
        let wide: Value =
            (0..=64).map(|entry| (format!("e{entry}"), vec![1; 20].into())).collect::<Map<_, _>>().into();
        let sent = json!({
            "a": numbers(), "b": [1, 2], "c": {"d": numbers()}, "tags": {"e": numbers()}, "large": [numbers(), 1_i64 << 40],
            "f": numbers(), "__g": numbers(), "h": {"i": [numbers(), "text", null]},
            "wide": wide,
            // Makes the bound large enough for tags.
            "text": "x".repeat(200_000),
        });
        let document = read(&sent.to_string());
        assert_eq!(document.tags["wide"], sent["wide"]);
        for name in ["a", "c", "f", "__g", "h"] {
            assert!(is_numbers(&document, name), "{name}");
        }
        assert_eq!((&document.tags["b"], &document.tags["e"]), (&sent["b"], &sent["tags"]["e"]));
        assert_eq!(document.tags["large"], sent["large"]);
        assert_eq!(written(&Document { id: String::new(), ..document }), sent);
    }

    #[test]
    fn numbers_are_read_beside_a_field_that_needs_values() {
        let sent = json!({"id": "a", "chunks": ["c"], "features": numbers()});
        let document = read(&sent.to_string());
        assert!(is_numbers(&document, "features"));
        assert_eq!(written(&document), sent);
    }

    #[test]
    fn the_last_of_several_values_of_a_field_counts() {
        let list = numbers();
        let document = read(&format!(r#"{{"id": "a", "b": {list}, "c": 1, "b": 2, "c": {list}}}"#));
        assert_eq!(document.tags["b"], 2);
        assert!(is_numbers(&document, "c"));
        assert_eq!(written(&document), json!({"id": "a", "b": 2, "c": list}));
    }

    #[test]
    fn names_with_escapes_are_found_by_the_field_before() {
        let list = numbers();
        let text = format!(
            r#"{{"id": "a,\"}}]", "\u0062" : {list} , "\u0063":{{"x": {list}}}, "\"d": {list}, "n": -1e3, "\u0065": {list}}}"#
        );
        let document = read(&text);
        for name in ["b", "c", "\"d", "e"] {
            assert!(is_numbers(&document, name), "{name}");
        }
        assert_eq!(written(&document), serde_json::from_str::<Value>(&text).unwrap());
    }

    #[test]
    fn requests_by_hand_have_tags_only() {
        let text = json!({"data": [{"a": numbers(), "text": "x".repeat(100_000)}]}).to_string();
        let permit = Admission::new(1, 0).bytes_permit();
        let message =
            json_request::read(Bytes::from(text), None, &CallMetadata::default(), &permit).ok().unwrap();
        assert_eq!(message.split().0.documents[0].tags["a"], numbers());
    }
}
