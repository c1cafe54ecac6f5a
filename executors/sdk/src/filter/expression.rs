//! Expressions such as `scene == "night" and t >= 300`, translated to the equivalent mapping.
//!
//! The grammar:
//!
//! ```text
//! or         = and { ("or" | "||") and }
//! and        = unary { ("and" | "&&") unary }
//! unary      = ("not" | "!") unary | "(" or ")" | name test
//! test       = ("==" | "=" | "!=" | "<>" | "<" | "<=" | ">" | ">=" | "=~") value
//!            | ["not"] "in" list | "exists"
//! list       = "[" [ value { "," value } ] "]" | "(" [ value { "," value } ] ")"
//! value      = number | "text" | 'text' | "true" | "false"
//! ```
//!
//! In a quoted text, a backslash escapes a quote or a backslash; before any other character it is literal. In a text that is
//! a regular expression, `\\.` is therefore a literal dot as `\.` is, and a literal backslash is `\\\\`.
//!
//! A name consists of letters, digits, `_`, `-` and `.`, and does not begin with a digit or `-`; other names are written in
//! backquotes. Keywords are not case-sensitive.

use serde_json::{Map, Value, json};

/// Maximum length of an expression in bytes; people write a line.
const BYTES_MAX: usize = 1 << 16;
/// Maximum nesting of parentheses and negations. The resulting mapping has its own limits.
const DEPTH_MAX: usize = 16;

/// Translates an expression to a mapping.
///
/// # Errors
/// The mistake and its position in bytes.
pub(super) fn parse_expression(text: &str) -> Result<Value, String> {
    if text.len() > BYTES_MAX {
        return Err(format!("is longer than the {BYTES_MAX} bytes allowed"));
    }
    let mut parser = Parser { text, position: 0, depth: 0 };
    let filter = parser.or_expression()?;
    match parser.rest() {
        "" => Ok(filter),
        _ => Err(parser.error("`and`, `or` or the end")),
    }
}

struct Parser<'a> {
    text: &'a str,
    position: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    /// Skips white space and returns the remaining text.
    fn rest(&mut self) -> &'a str {
        let rest = self.text.get(self.position..).unwrap_or_default();
        let trimmed = rest.trim_start();
        self.position += rest.len() - trimmed.len();
        trimmed
    }

    fn error(&mut self, expected: &str) -> String {
        let rest: String = self.rest().chars().take(20).collect();
        let found = if rest.is_empty() { "the end".to_owned() } else { format!("`{rest}`") };
        format!(
            "has {found} where {expected} should be (byte {}); write, for example, `scene == \"night\" and t >= 300`",
            self.position
        )
    }

    /// Consumes a symbol, if it is next.
    fn symbol(&mut self, symbol: &str) -> bool {
        let is_next = self.rest().starts_with(symbol);
        self.position += if is_next { symbol.len() } else { 0 };
        is_next
    }

    /// Consumes a keyword, if it is next and not the beginning of a longer word.
    fn keyword(&mut self, word: &str) -> bool {
        let rest = self.rest();
        let is_next = rest.get(..word.len()).is_some_and(|start| {
            start.eq_ignore_ascii_case(word) && !rest.get(word.len()..).is_some_and(continues_word)
        });
        self.position += if is_next { word.len() } else { 0 };
        is_next
    }

    fn or_expression(&mut self) -> Result<Value, String> {
        let mut parts = vec![self.and_expression()?];
        while self.keyword("or") || self.symbol("||") {
            parts.push(self.and_expression()?);
        }
        Ok(combine("$or", parts))
    }

    fn and_expression(&mut self) -> Result<Value, String> {
        let mut parts = vec![self.unary()?];
        while self.keyword("and") || self.symbol("&&") {
            parts.push(self.unary()?);
        }
        Ok(combine("$and", parts))
    }

    fn unary(&mut self) -> Result<Value, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("is deeper than the {DEPTH_MAX} levels allowed"));
        }
        let filter = if self.keyword("not") || (!self.rest().starts_with("!=") && self.symbol("!")) {
            json!({"$not": self.unary()?})
        } else if self.symbol("(") {
            let inner = self.or_expression()?;
            if !self.symbol(")") {
                return Err(self.error("`)`"));
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
                quoted.split_once('`').ok_or_else(|| self.error("a name that ends in a backquote"))?;
            self.position += name.len() + 2;
            return Ok(name.to_owned());
        }
        let length = rest.find(|letter| !is_name_character(letter)).unwrap_or(rest.len());
        let name = rest.get(..length).unwrap_or_default();
        if name.is_empty()
            || name.starts_with(|character: char| character.is_ascii_digit() || character == '-')
        {
            return Err(self.error("the name of a field"));
        }
        self.position += length;
        Ok(name.to_owned())
    }

    fn test(&mut self) -> Result<Value, String> {
        // Longer symbols come before their prefixes.
        let symbols = [
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
        for (symbol, operator) in symbols {
            if self.symbol(symbol) {
                return Ok(Value::Object(Map::from_iter([(operator.to_owned(), self.value()?)])));
            }
        }
        if self.keyword("exists") {
            return Ok(json!({"$exists": true}));
        }
        let is_negated = self.keyword("not");
        if !self.keyword("in") {
            return Err(self.error("==, !=, <, <=, >, >=, =~, `in` or `exists`"));
        }
        let values = self.list()?;
        Ok(if is_negated { json!({"$nin": values}) } else { json!({"$in": values}) })
    }

    fn list(&mut self) -> Result<Vec<Value>, String> {
        let end = if self.symbol("[") {
            "]"
        } else if self.symbol("(") {
            ")"
        } else {
            return Err(self.error("a list such as [1, 2]"));
        };
        let mut values = Vec::new();
        while !self.symbol(end) {
            if !values.is_empty() && !self.symbol(",") {
                return Err(self.error("`,` or the end of the list"));
            }
            values.push(self.value()?);
        }
        Ok(values)
    }

    fn value(&mut self) -> Result<Value, String> {
        for (word, value) in [("true", true), ("false", false)] {
            if self.keyword(word) {
                return Ok(value.into());
            }
        }
        match self.rest().chars().next() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote),
            _ => self.number(),
        }
    }

    /// Parses a quoted text. A backslash before a quote or a backslash stands for that character alone; before any other
    /// character it is part of the text, so that `"^\d{4}$"` is the regular expression that it looks like.
    fn quoted(&mut self, quote: char) -> Result<Value, String> {
        let mut unquoted = String::new();
        let mut letters = self.rest().char_indices().skip(1);
        while let Some((offset, letter)) = letters.next() {
            match letter {
                '\\' => match letters.next() {
                    Some((_, escaped)) if "\\\"'`".contains(escaped) => unquoted.push(escaped),
                    Some((_, other)) => unquoted.extend(['\\', other]),
                    None => {}
                },
                letter if letter == quote => {
                    self.position += offset + 1;
                    return Ok(unquoted.into());
                }
                letter => unquoted.push(letter),
            }
        }
        Err(self.error("a text that ends in a quote"))
    }

    fn number(&mut self) -> Result<Value, String> {
        let rest = self.rest();
        let is_number_character =
            |character: char| character.is_ascii_alphanumeric() || "+-._".contains(character);
        let length = rest.find(|letter| !is_number_character(letter)).unwrap_or(rest.len());
        let text = rest.get(..length).unwrap_or_default();
        let whole = text.parse::<i64>().ok().map(Value::from);
        let number = whole.or_else(|| {
            let number = text
                .parse::<f64>()
                .ok()
                .filter(|_| text.starts_with(|first: char| "+-.0123456789".contains(first)));
            serde_json::Number::from_f64(number?).map(Value::Number)
        });
        let number = number.ok_or_else(|| self.error("a number, a text in quotes, true or false"))?;
        self.position += length;
        Ok(number)
    }
}

fn is_name_character(character: char) -> bool {
    character.is_alphanumeric() || "_-.".contains(character)
}

fn continues_word(rest: &str) -> bool {
    rest.starts_with(is_name_character)
}

/// Combines parts with an operator; a single part stays as it is.
fn combine(connective: &str, mut parts: Vec<Value>) -> Value {
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
    fn expressions_are_translated_to_mappings() {
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
            assert_eq!(parse_expression(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_backslash_that_escapes_nothing_is_part_of_the_text() {
        for quote in ['"', '\''] {
            for (written, expected) in [
                (r"^\d{4}$", r"^\d{4}$"),
                (r"\w+\.\s\b", r"\w+\.\s\b"),
                (r"\\d", r"\d"),
                (r"\p{L}\x41\n", r"\p{L}\x41\n"),
                (r#"a\"b\'c"#, r#"a"b'c"#),
                (r"C:\\", r"C:\"),
            ] {
                let text = format!("t =~ {quote}{written}{quote}");
                assert_eq!(parse_expression(&text), Ok(json!({"t": {"$regex": expected}})), "{text}");
            }
            assert!(parse_expression(&format!("t == {quote}a\\{quote}")).is_err());
        }
    }

    #[test]
    fn errors_state_the_cause_and_the_position() {
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
            let error = parse_expression(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(parse_expression(&"(".repeat(1000)).unwrap_err().contains("deeper than the 16"));
        assert!(parse_expression(&"a".repeat(1 << 17)).unwrap_err().contains("longer than"));
    }

    proptest! {
        #[test]
        fn no_expression_makes_the_parser_panic(text in "[ab<=>!()\\[\\]`'\"\\\\0-9.,é nota]{0,40}") {
            let _ = parse_expression(&text);
        }
    }
}
