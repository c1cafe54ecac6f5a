//! Converts trees to JSON values, for content that flowrun only passes on, such as an executor's `with:`.
//!
//! A value that JSON cannot hold, such as `.inf` or an integer beyond 64 bits, is an error at its location. It is never
//! replaced by another value.

use serde_json::{Map, Value as Json};

use super::node::{Node, Scalar, Tag, Value};
use super::number::{self, Number};
use super::schema::Schema;
use crate::diagnostic::{Code, Diagnostic, Report};

/// True if `text` without quotes would be a number or a boolean in a flow file of Jina 2 or 3.
pub(crate) fn is_ambiguous(text: &str) -> bool {
    boolean(text, Schema::Yaml11).is_some() || number::in_file(text, Schema::Yaml11).is_some()
}

/// Reason why a node has no JSON form.
#[derive(Debug, PartialEq, Eq)]
enum Problem {
    /// An integer beyond 64 bits.
    HugeInteger,
    /// An infinity or NaN.
    NotFinite,
    /// The text does not have the type of its tag.
    NotOfType,
    /// The tag names no type that JSON has.
    UnknownType,
}

impl Node {
    /// The tree as a JSON value; values that JSON cannot hold are reported. For keys see [`Node::key_text`].
    #[must_use]
    pub fn to_json(&self, schema: Schema, report: &mut Report) -> Json {
        self.report_types(report);
        self.convert(&mut |node, scalar| {
            scalar_to_json(node, scalar, schema).unwrap_or_else(|problem| {
                report.push(unrepresentable(node, scalar, &problem));
                Json::Null
            })
        })
    }

    /// Like [`Node::to_json`], but with expressions as written, so that it contains no secrets. Reports nothing.
    #[must_use]
    pub fn to_written_json(&self, schema: Schema) -> Json {
        self.convert(&mut |node, scalar| match scalar.text == scalar.written {
            true => scalar_to_json(node, scalar, schema).unwrap_or_else(|_| Json::from(scalar.text.as_str())),
            false => Json::from(scalar.written.as_str()),
        })
    }

    /// The integer of a scalar, also of a quoted one.
    pub fn integer(&self, schema: Schema) -> Option<i128> {
        let scalar = self.scalar()?;
        let number = match scalar.plain {
            true => plain_number(scalar, schema),
            false => number::from_python(&scalar.text),
        };
        match number {
            Some(Number::Integer(integer)) => Some(integer),
            _ => None,
        }
    }

    /// Reports lists and mappings with a type that JSON does not have, such as `!!set`.
    fn report_types(&self, report: &mut Report) {
        let (expected, children): (_, Vec<&Self>) = match &self.value {
            Value::Scalar(_) => return,
            Value::Sequence(items) => ("seq", items.iter().collect()),
            Value::Mapping(mapping) => ("map", mapping.iter().map(|(_, value)| value).collect()),
        };
        let type_tag = self.type_tag.as_ref().filter(|tag| tag.value != expected);
        if let Some(tag) = type_tag.map(|tag| ("!!", tag)).or_else(|| self.tag.as_ref().map(|tag| ("!", tag)))
        {
            report.push(unknown_type(tag.0, tag.1));
        }
        children.into_iter().for_each(|child| child.report_types(report));
    }

    fn convert(&self, scalar_to_json: &mut dyn FnMut(&Self, &Scalar) -> Json) -> Json {
        match &self.value {
            Value::Scalar(scalar) => scalar_to_json(self, scalar),
            Value::Sequence(items) => items.iter().map(|item| item.convert(scalar_to_json)).collect(),
            Value::Mapping(mapping) => {
                let entry = |(key, value): (&Self, &Self)| (key.key_text(), value.convert(scalar_to_json));
                Json::Object(mapping.iter().map(entry).collect::<Map<_, _>>())
            }
        }
    }

    /// The text of a key; a list of keys is joined by commas.
    #[must_use]
    pub fn key_text(&self) -> String {
        match &self.value {
            Value::Scalar(scalar) => scalar.text.clone(),
            Value::Sequence(items) => items.iter().map(Self::key_text).collect::<Vec<_>>().join(","),
            Value::Mapping(_) => String::new(),
        }
    }
}

fn scalar_to_json(node: &Node, scalar: &Scalar, schema: Schema) -> Result<Json, Problem> {
    if node.tag.is_some() {
        return Err(Problem::UnknownType);
    }
    if let Some(tag) = &node.type_tag {
        return of_type(&scalar.text, &tag.value);
    }
    if !scalar.plain {
        return Ok(Json::from(scalar.text.as_str()));
    }
    if scalar.from_variable && schema == Schema::Yaml11 {
        return from_variable(&scalar.text);
    }
    if node.is_null() {
        return Ok(Json::Null);
    }
    match (boolean(&scalar.text, schema), plain_number(scalar, schema)) {
        (Some(boolean), _) => Ok(Json::Bool(boolean)),
        (None, Some(number)) => to_json_number(number),
        (None, None) => Ok(Json::from(scalar.text.as_str())),
    }
}

/// The value of a text that a variable supplied, as Jina reads it: a number in decimal digits, `true` or `false` in upper or
/// lower case, a list in brackets, null for an empty text, or a string.
fn from_variable(text: &str) -> Result<Json, Problem> {
    if let Some(number) = number::from_python(text) {
        return to_json_number(number);
    }
    if text.len() > 1 && text.starts_with('[') && text.ends_with(']') {
        let items = text.replace(['[', ']'], "");
        return match items.trim() {
            "" => Ok(Json::Array(Vec::new())),
            items => items.split(',').map(|item| from_variable(item.trim())).collect(),
        };
    }
    let quoted = |quote: char| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    if let Some(content) = quoted('"').or_else(|| quoted('\'')) {
        return Ok(Json::from(content));
    }
    Ok(match text.to_ascii_lowercase().as_str() {
        "" => Json::Null,
        "true" => Json::Bool(true),
        "false" => Json::Bool(false),
        _ => Json::from(text),
    })
}

/// The number of a plain scalar.
fn plain_number(scalar: &Scalar, schema: Schema) -> Option<Number> {
    match scalar.from_variable && schema == Schema::Yaml11 {
        true => number::from_python(&scalar.text),
        false => number::in_file(&scalar.text, schema),
    }
}

/// The value of `text` with an explicit type, such as `!!int`.
fn of_type(text: &str, name: &str) -> Result<Json, Problem> {
    match name {
        "str" => Ok(Json::from(text)),
        "null" => Ok(Json::Null),
        "int" => number::integer_1_1(text).map_or(Err(Problem::NotOfType), to_json_number),
        "float" => {
            let decimal = || text.replace('_', "").parse().ok().map(Number::Float);
            number::float_1_1(text).or_else(decimal).map_or(Err(Problem::NotOfType), to_json_number)
        }
        "bool" => match text.to_ascii_lowercase().as_str() {
            "yes" | "true" | "on" => Ok(Json::Bool(true)),
            "no" | "false" | "off" => Ok(Json::Bool(false)),
            _ => Err(Problem::NotOfType),
        },
        _ => Err(Problem::UnknownType),
    }
}

fn to_json_number(number: Number) -> Result<Json, Problem> {
    match number {
        Number::Integer(integer) => match (i64::try_from(integer), u64::try_from(integer)) {
            (Ok(integer), _) => Ok(Json::from(integer)),
            (_, Ok(integer)) => Ok(Json::from(integer)),
            _ => Err(Problem::HugeInteger),
        },
        Number::HugeInteger => Err(Problem::HugeInteger),
        Number::Float(float) => match serde_json::Number::from_f64(float) {
            Some(float) => Ok(Json::Number(float)),
            None => Err(Problem::NotFinite),
        },
    }
}

/// The boolean of a plain scalar.
fn boolean(text: &str, schema: Schema) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        "yes" | "Yes" | "YES" if schema == Schema::Yaml11 => Some(true),
        "no" | "No" | "NO" if schema == Schema::Yaml11 => Some(false),
        _ if schema == Schema::Yaml11 && text.eq_ignore_ascii_case("true") => Some(true),
        _ if schema == Schema::Yaml11 && text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn unrepresentable(node: &Node, scalar: &Scalar, problem: &Problem) -> Diagnostic {
    let written = &scalar.written;
    let at = |code, message: String| Diagnostic::at(code, node.span, message);
    let quote = format!("quote it to pass it as a string: `\"{written}\"`");
    match (problem, &node.tag, &node.type_tag) {
        (Problem::HugeInteger, ..) => {
            at(Code::OutOfRange, format!("the integer `{written}` does not fit in 64 bits")).help(quote)
        }
        (Problem::NotFinite, ..) => {
            at(Code::OutOfRange, format!("`{written}` is not a finite number")).help(quote)
        }
        (Problem::UnknownType, Some(tag), _) => unknown_type("!", tag),
        (Problem::UnknownType, None, Some(tag)) => unknown_type("!!", tag),
        (_, _, tag) => {
            let name = tag.as_ref().map_or("str", |tag| tag.value.as_str());
            at(Code::WrongType, format!("`{written}` is not a value of the type `!!{name}`"))
        }
    }
}

fn unknown_type(bang: &str, tag: &Tag) -> Diagnostic {
    let message = format!("`{bang}{}` is not a type that parameters can have", tag.value);
    Diagnostic::at(Code::WrongType, tag.span, message)
        .help("the types are `!!str`, `!!int`, `!!float`, `!!bool` and `!!null`")
}
