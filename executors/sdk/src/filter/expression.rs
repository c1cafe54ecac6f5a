//! Filters as people write them: `scene == "night" and t >= 300`.
//!
//! What is read here becomes the mapping that would say the same, so that there is one meaning of filters:
//!
//! ```text
//! either     = both { ("or" | "||") both }
//! both       = single { ("and" | "&&") single }
//! single     = ("not" | "!") single | "(" either ")" | name test
//! test       = ("==" | "=" | "!=" | "<>" | "<" | "<=" | ">" | ">=" | "=~") value
//!            | ["not"] "in" "[" value { "," value } "]" | "exists"
//! value      = number | "text" | 'text' | "true" | "false"
//! ```
//!
//! A name is letters, digits, `_`, `-`, `.`; any other stands between backquotes.

use serde_json::{Map, Value, json};

/// Bytes of an expression; people write a line.
const BYTES_MAX: usize = 1 << 16;
/// How deep brackets and negations may stand in each other. What it becomes has bounds of its own.
const DEPTH_MAX: usize = 16;

/// The mapping that says what an expression says.
///
/// # Errors
/// What is wrong, and where.
pub(super) fn read(text: &str) -> Result<Value, String> {
    if text.len() > BYTES_MAX {
        return Err(format!("is longer than the {BYTES_MAX} bytes allowed"));
    }
    let mut reader = Reader { text, at: 0, depth: 0 };
    let filter = reader.either()?;
    match reader.rest() {
        "" => Ok(filter),
        _ => Err(reader.wrong("`and`, `or` or the end")),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// What is still to be read, without spaces before it.
    fn rest(&mut self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        trimmed
    }

    fn wrong(&mut self, expected: &str) -> String {
        let rest: String = self.rest().chars().take(20).collect();
        let found = if rest.is_empty() { "the end".to_owned() } else { format!("`{rest}`") };
        format!(
            "has {found} where {expected} should be (byte {}); write such as `scene == \"night\" and t >= 300`",
            self.at
        )
    }

    /// Reads a sign, if it is next.
    fn sign(&mut self, sign: &str) -> bool {
        let is_next = self.rest().starts_with(sign);
        self.at += if is_next { sign.len() } else { 0 };
        is_next
    }

    /// Reads a word, if it is next and no longer word begins with it.
    fn word(&mut self, word: &str) -> bool {
        let rest = self.rest();
        let is_next = rest.get(..word.len()).is_some_and(|start| {
            start.eq_ignore_ascii_case(word) && !rest.get(word.len()..).is_some_and(goes_on)
        });
        self.at += if is_next { word.len() } else { 0 };
        is_next
    }

    fn either(&mut self) -> Result<Value, String> {
        let mut parts = vec![self.both()?];
        while self.word("or") || self.sign("||") {
            parts.push(self.both()?);
        }
        Ok(joined("$or", parts))
    }

    fn both(&mut self) -> Result<Value, String> {
        let mut parts = vec![self.single()?];
        while self.word("and") || self.sign("&&") {
            parts.push(self.single()?);
        }
        Ok(joined("$and", parts))
    }

    fn single(&mut self) -> Result<Value, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("is deeper than the {DEPTH_MAX} levels allowed"));
        }
        let filter = if self.word("not") || (!self.rest().starts_with("!=") && self.sign("!")) {
            json!({"$not": self.single()?})
        } else if self.sign("(") {
            let inner = self.either()?;
            if !self.sign(")") {
                return Err(self.wrong("`)`"));
            }
            inner
        } else {
            let name = self.name()?;
            let test = self.test()?;
            Value::Object(Map::from_iter([(name, test)]))
        };
        self.depth -= 1;
        Ok(filter)
    }

    fn name(&mut self) -> Result<String, String> {
        let rest = self.rest();
        if let Some(quoted) = rest.strip_prefix('`') {
            let (name, _) =
                quoted.split_once('`').ok_or_else(|| self.wrong("a name that ends in a backquote"))?;
            self.at += name.len() + 2;
            return Ok(name.to_owned());
        }
        let length = rest.find(|letter| !is_of_name(letter)).unwrap_or(rest.len());
        let name = rest.get(..length).unwrap_or_default();
        if name.is_empty() || name.starts_with(|letter: char| letter.is_ascii_digit() || letter == '-') {
            return Err(self.wrong("the name of a field"));
        }
        self.at += length;
        Ok(name.to_owned())
    }

    fn test(&mut self) -> Result<Value, String> {
        // Longer signs before those that they begin with.
        let signs = [
            ("==", "$eq"),
            ("=~", "$regex"),
            ("!=", "$ne"),
            ("<>", "$ne"),
            ("<=", "$lte"),
            (">=", "$gte"),
            ("<", "$lt"),
            (">", "$gt"),
            ("=", "$eq"),
        ];
        for (sign, operator) in signs {
            if self.sign(sign) {
                return Ok(Value::Object(Map::from_iter([(operator.to_owned(), self.value()?)])));
            }
        }
        if self.word("exists") {
            return Ok(json!({"$exists": true}));
        }
        let is_negated = self.word("not");
        if !self.word("in") {
            return Err(self.wrong("==, !=, <, <=, >, >=, =~, `in` or `exists`"));
        }
        let values = self.list()?;
        Ok(if is_negated { json!({"$nin": values}) } else { json!({"$in": values}) })
    }

    fn list(&mut self) -> Result<Vec<Value>, String> {
        let end = if self.sign("[") {
            "]"
        } else if self.sign("(") {
            ")"
        } else {
            return Err(self.wrong("a list such as [1, 2]"));
        };
        let mut values = Vec::new();
        while !self.sign(end) {
            if !values.is_empty() && !self.sign(",") {
                return Err(self.wrong("`,` or the end of the list"));
            }
            values.push(self.value()?);
        }
        Ok(values)
    }

    fn value(&mut self) -> Result<Value, String> {
        for (word, truth) in [("true", true), ("false", false)] {
            if self.word(word) {
                return Ok(truth.into());
            }
        }
        match self.rest().chars().next() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote),
            _ => self.number(),
        }
    }

    /// A text between quotes; a backslash takes the next letter as it is.
    fn quoted(&mut self, quote: char) -> Result<Value, String> {
        let mut read = String::new();
        let mut letters = self.rest().char_indices().skip(1);
        while let Some((place, letter)) = letters.next() {
            match letter {
                '\\' => read.extend(letters.next().map(|(_, letter)| letter)),
                letter if letter == quote => {
                    self.at += place + 1;
                    return Ok(read.into());
                }
                letter => read.push(letter),
            }
        }
        Err(self.wrong("a text that ends in a quote"))
    }

    fn number(&mut self) -> Result<Value, String> {
        let rest = self.rest();
        let is_of_number = |letter: char| letter.is_ascii_alphanumeric() || "+-._".contains(letter);
        let length = rest.find(|letter| !is_of_number(letter)).unwrap_or(rest.len());
        let text = rest.get(..length).unwrap_or_default();
        let whole = text.parse::<i64>().ok().map(Value::from);
        let number = whole.or_else(|| {
            let number = text
                .parse::<f64>()
                .ok()
                .filter(|_| text.starts_with(|first: char| "+-.0123456789".contains(first)));
            serde_json::Number::from_f64(number?).map(Value::Number)
        });
        let number = number.ok_or_else(|| self.wrong("a number, a text in quotes, true or false"))?;
        self.at += length;
        Ok(number)
    }
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || "_-.".contains(letter)
}

fn goes_on(rest: &str) -> bool {
    rest.starts_with(is_of_name)
}

/// Several parts under one connective; a single one stands for itself.
fn joined(connective: &str, mut parts: Vec<Value>) -> Value {
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => Value::Object(Map::from_iter([(connective.to_owned(), Value::Array(parts))])),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_expression_says_what_a_mapping_says() {
        for (text, expected) in [
            (
                "scene == \"night\" and t >= 300",
                json!({"$and": [{"scene": {"$eq": "night"}}, {"t": {"$gte": 300}}]}),
            ),
            ("a=1", json!({"a": {"$eq": 1}})),
            ("a.b-c != -1.5e3", json!({"a.b-c": {"$ne": -1500.0}})),
            ("`a b` =~ '^x\\'y'", json!({"a b": {"$regex": "^x'y"}})),
            (
                "a < 1 or b <= 2 and not c > 3",
                json!({"$or": [{"a": {"$lt": 1}}, {"$and": [{"b": {"$lte": 2}}, {"$not": {"c": {"$gt": 3}}}]}]}),
            ),
            (
                "(a < 1 || !b exists) && order in [1, 'x', true]",
                json!({"$and": [
                    {"$or": [{"a": {"$lt": 1}}, {"$not": {"b": {"$exists": true}}}]},
                    {"order": {"$in": [1, "x", true]}},
                ]}),
            ),
            (
                "android <> false AND x not in (1,2)",
                json!({"$and": [{"android": {"$ne": false}}, {"x": {"$nin": [1, 2]}}]}),
            ),
        ] {
            assert_eq!(read(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, expected) in [
            ("", "has the end where the name of a field should be (byte 0)"),
            ("a", "has the end where ==, !=,"),
            ("a ==", "has the end where a number, a text"),
            ("a == night", "has `night` where a number, a text in quotes"),
            ("a == 'night", "where a text that ends in a quote"),
            ("a == 1 b == 2", "has `b == 2` where `and`, `or` or the end should be (byte 7)"),
            ("(a == 1", "where `)` should be"),
            ("a in 1", "a list such as"),
            ("a in [1 2]", "`,` or the end of the list"),
            ("a == nan", "has `nan`"),
            ("1 == a", "the name of a field"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(read(&"(".repeat(1000)).unwrap_err().contains("deeper than the 16"));
        assert!(read(&"a".repeat(1 << 17)).unwrap_err().contains("longer than"));
    }

    proptest! {
        #[test]
        fn nothing_that_is_written_makes_it_fall(text in "[ab<=>!()\\[\\]`'\"\\\\0-9.,é nota]{0,40}") {
            let _ = read(&text);
        }
    }
}
