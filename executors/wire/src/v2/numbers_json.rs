//! JSON lists and objects of many numbers as messages of the second schema, for [`ExtraFields::nodes`].
//!
//! As JSON values, numbers would occupy 32 bytes each. Here their text is read twice: to measure the message, then to write it
//! into memory of exactly the size of its base64.
//!
//! [`ExtraFields::nodes`]: crate::ExtraFields::nodes

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::node::LEVELS_MAX;
use super::node_writer::{DICT, ITEM, LIST, Length, OpenEntry, Output};
use crate::extra_fields::TAG_NUMBERS_MAX;

/// Maximum number of entries of an object: they are sorted when they are written as JSON, in memory that is not charged.
const ENTRIES_MAX: usize = 64;

/// A list or an object in a JSON text, with more than [`TAG_NUMBERS_MAX`] numbers and booleans. A message represents it exactly.
#[derive(Clone, Copy, Debug)]
pub struct NumbersJson<'a> {
    /// The text from its beginning.
    text: &'a [u8],
    message_bytes: usize,
}

impl<'a> NumbersJson<'a> {
    /// Finds the value at the beginning of `text`. `None` for other values, also if an integer has more than 32 bits, an object
    /// has more than [`ENTRIES_MAX`] entries, or the value is nested too deeply for a message.
    #[must_use]
    pub fn find(text: &'a [u8]) -> Option<Self> {
        if !matches!(text, [b'[' | b'{', ..]) {
            return None;
        }
        let message = Message::write(text, Length::default())?;
        let is_long = message.numbers > TAG_NUMBERS_MAX;
        is_long.then_some(Self { text, message_bytes: message.output.0 })
    }

    /// Length of [`NumbersJson::encode`], which occupies no other memory while it is made.
    #[must_use]
    pub fn encoded_bytes(&self) -> usize {
        base64_bytes(self.message_bytes)
    }

    /// Its message in base64, an entry of [`ExtraFields::nodes`](crate::ExtraFields::nodes).
    #[must_use]
    pub fn encode(&self) -> String {
        let output = Vec::with_capacity(self.encoded_bytes());
        // `find` has written the same text, so this cannot fail.
        Message::write(self.text, output).map(|message| into_base64(message.output)).unwrap_or_default()
    }
}

/// A `NodeProto` that is written from JSON.
struct Message<O> {
    output: O,
    /// Numbers and booleans written.
    numbers: usize,
}

impl<O: Output> Message<O> {
    /// Writes the value at the beginning of `text`; `None` if that is not possible.
    fn write(text: &[u8], output: O) -> Option<Self> {
        let mut message = Self { output, numbers: 0 };
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        let content = Content { message: &mut message, levels: LEVELS_MAX };
        content.deserialize(&mut deserializer).ok()?;
        Some(message)
    }
}

/// Writes the content of a `NodeProto`, in which there may be `levels` levels of messages.
struct Content<'m, O> {
    message: &'m mut Message<O>,
    levels: u32,
}

impl<O> Content<'_, O> {
    /// Levels in the items of a value that takes `levels` itself.
    fn remaining<E: Error>(&self, levels: u32) -> Result<u32, E> {
        self.levels.checked_sub(levels).ok_or_else(|| E::custom("nested too deeply"))
    }
}

impl<'de, O: Output> DeserializeSeed<'de> for Content<'_, O> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, O: Output> Visitor<'de> for Content<'_, O> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.message.numbers += 1;
        self.message.output.boolean(value);
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.message.numbers += 1;
        self.message.output.integer(i32::try_from(value).map_err(E::custom)?);
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.message.numbers += 1;
        self.message.output.integer(i32::try_from(value).map_err(E::custom)?);
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.message.numbers += 1;
        self.message.output.float(value);
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.message.output.text(1, value);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let levels = self.remaining(2)?;
        let message = self.message;
        let list = message.output.open(LIST, 0);
        while items.next_element_seed(Item(Content { message: &mut *message, levels }))?.is_some() {}
        message.output.close(list);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let levels = self.remaining(3)?;
        let message = self.message;
        let map = message.output.open(DICT, 0);
        let mut count = 0;
        while let Some(entry) = entries.next_key_seed(Name(&mut message.output))? {
            count += 1;
            if count > ENTRIES_MAX {
                return Err(A::Error::custom("too many entries"));
            }
            entries.next_value_seed(Content { message: &mut *message, levels })?;
            message.output.close_entry(entry);
        }
        message.output.close(map);
        Ok(())
    }
}

/// Writes an item of a list.
struct Item<'m, O>(Content<'m, O>);

impl<'de, O: Output> DeserializeSeed<'de> for Item<'_, O> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Content { message, levels } = self.0;
        let item = message.output.open(ITEM, 0);
        Content { message: &mut *message, levels }.deserialize(deserializer)?;
        message.output.close(item);
        Ok(())
    }
}

/// Begins an entry of a map with its name.
struct Name<'m, O>(&'m mut O);

impl<'de, O: Output> DeserializeSeed<'de> for Name<'_, O> {
    type Value = OpenEntry;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<OpenEntry, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<O: Output> Visitor<'_> for Name<'_, O> {
    type Value = OpenEntry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<OpenEntry, E> {
        Ok(self.0.open_entry(name, 0))
    }
}

/// Bytes that are encoded at a time, without padding in between.
const GROUP_BYTES: usize = 3 << 10;

fn base64_bytes(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// Encodes bytes as base64 in their own memory.
fn into_base64(mut bytes: Vec<u8>) -> String {
    let length = bytes.len();
    bytes.resize(base64_bytes(length), 0);
    // From the end, where no bytes are overwritten that are still to be encoded.
    for start in (0..length).step_by(GROUP_BYTES).rev() {
        let mut group = [0; GROUP_BYTES];
        let (group, _) = group.split_at_mut(GROUP_BYTES.min(length - start));
        if let (Some(source), target) = (bytes.get(start..start + group.len()), base64_bytes(start)) {
            group.copy_from_slice(source);
            let written = bytes.get_mut(target..).map(|target| STANDARD.encode_slice(group, target));
            debug_assert!(matches!(written, Some(Ok(_))));
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::node_writer::write_value;
    use super::*;
    use crate::NodeJson;

    fn encoded(value: &Value) -> Option<String> {
        let text = value.to_string();
        let numbers = NumbersJson::find(text.as_bytes())?;
        let encoded = numbers.encode();
        assert_eq!((encoded.len(), encoded.capacity()), (numbers.encoded_bytes(), numbers.encoded_bytes()));
        Some(encoded)
    }

    /// A number of any kind, mostly a short one.
    fn number() -> impl Strategy<Value = Value> {
        prop_oneof![
            4 => Just(json!(0)),
            2 => Just(json!(0.0)),
            1 => any::<i32>().prop_map(Value::from),
            1 => any::<f64>().prop_filter("JSON has no such number", |float| float.is_finite()).prop_map(Value::from),
            1 => any::<bool>().prop_map(Value::from),
        ]
    }

    /// A value with a list of numbers that is repeated, in lists and objects.
    fn array() -> impl Strategy<Value = Value> {
        let row = proptest::collection::vec(number(), 1..40);
        let rows = (row, 1..80_usize).prop_map(|(row, count)| Value::from(vec![Value::from(row); count]));
        rows.prop_recursive(3, 8, 3, |inner| {
            let others = prop_oneof![".{0,4}".prop_map(Value::from), Just(Value::Null), Just(json!([]))];
            let names = proptest::collection::btree_map("[a-c]{0,2}", others, 0..3);
            prop_oneof![
                inner.clone().prop_map(|inner| json!([inner, null, "a"])),
                (inner, names).prop_map(|(inner, others)| {
                    let mut entries = others;
                    entries.insert("b".to_owned(), inner);
                    Value::Object(entries.into_iter().collect())
                }),
            ]
        })
    }

    fn count(value: &Value) -> usize {
        match value {
            Value::Number(_) | Value::Bool(_) => 1,
            Value::Array(items) => items.iter().map(count).sum(),
            Value::Object(entries) => entries.values().map(count).sum(),
            _ => 0,
        }
    }

    proptest! {
        #[test]
        fn values_of_many_numbers_are_encoded_like_values_and_restored_exactly(value in array()) {
            let encoded = encoded(&value);
            prop_assert_eq!(encoded.is_some(), count(&value) > TAG_NUMBERS_MAX);
            if let Some(encoded) = encoded {
                let mut message = Vec::new();
                write_value(&value, "", &mut message);
                prop_assert_eq!(&encoded, &STANDARD.encode(&message));
                prop_assert_eq!(serde_json::to_value(NodeJson::new(&encoded.into())).unwrap(), value);
            }
        }

        #[test]
        fn bytes_are_encoded_in_their_own_memory(length in 0..4 * GROUP_BYTES, first: u8) {
            let bytes: Vec<u8> = (0..length).map(|position| first.wrapping_add((position % 251) as u8)).collect();
            prop_assert_eq!(into_base64(bytes.clone()), STANDARD.encode(bytes));
        }
    }

    #[test]
    fn values_that_a_message_would_change_are_not_found() {
        let with = |last: Value| {
            let mut items = vec![json!(1); TAG_NUMBERS_MAX];
            items.push(last);
            encoded(&items.into()).is_some()
        };
        let nested = |depth| (0..depth).fold(json!(1), |inner, _| json!([inner]));
        for (value, found) in [
            (json!(i32::MAX), true),
            (json!(i64::from(i32::MAX) + 1), false),
            (json!(i64::from(i32::MIN) - 1), false),
            (json!(u64::MAX), false),
            (json!(1e300), true),
            (json!("text"), false),
            (nested(48), true),
            (nested(49), false),
        ] {
            assert_eq!(with(value.clone()), found, "{value}");
        }
    }

    #[test]
    fn only_the_value_at_the_beginning_of_a_text_is_read() {
        let list = serde_json::to_string(&vec![0; TAG_NUMBERS_MAX + 1]).unwrap();
        let find = |text: String| NumbersJson::find(text.as_bytes()).is_some();
        assert!(find(format!("{list}, \"next\": 1}}")));
        for text in
            [format!("\"{list}\""), format!("1, {list}"), list[..list.len() - 1].to_owned(), String::new()]
        {
            assert!(!find(text));
        }
    }

    #[test]
    fn the_last_of_several_entries_of_a_name_counts() {
        let list = serde_json::to_string(&vec![0; TAG_NUMBERS_MAX + 1]).unwrap();
        let text = format!(r#"{{"b": {list}, "a": {{}}, "b": "last"}}"#);
        let encoded = NumbersJson::find(text.as_bytes()).unwrap().encode();
        let read = serde_json::to_string(&NodeJson::new(&encoded.into())).unwrap();
        assert_eq!(read, r#"{"a":{},"b":"last"}"#);
    }
}
