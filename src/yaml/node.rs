//! The tree of a file: scalars, sequences and mappings, each with its span and its tag.

use crate::diagnostic::{Span, Spanned};

/// A node of the tree.
#[derive(Clone, Debug)]
pub struct Node {
    /// Location of the node.
    pub span: Span,
    /// The `!Tag` before it, without the exclamation mark: a class.
    pub tag: Option<Tag>,
    /// The YAML type tag before it, such as `!!int`, without the exclamation marks.
    pub type_tag: Option<Tag>,
    /// Its content.
    pub value: Value,
}

/// A `!Tag`.
pub type Tag = Spanned<String>;

/// Content of a node.
#[derive(Clone, Debug)]
pub enum Value {
    /// Text without a type yet; an absent value is an empty plain scalar.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping.
    Mapping(Mapping),
}

/// Text without a type yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// The text after expressions are substituted.
    pub text: String,
    /// The text as written, for messages: it contains no secrets.
    pub written: String,
    /// True if it is unquoted, and so may be a number, boolean or null.
    pub plain: bool,
    /// Origin of the text.
    pub origin: Origin,
    /// True if a variable supplied any part of the text. Numbers in it are then decimal, as in Jina.
    pub from_variable: bool,
}

/// Origin of a scalar's text, which decides the base directory of a relative path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The file, including defaults of expressions.
    File,
    /// A variable, at least its beginning. The base is the working directory, where the variable was set.
    Variable,
}

/// A mapping, in the order of the file. Keys may be lists, as in `[IndexRequest, SearchRequest]: …`.
#[derive(Clone, Debug, Default)]
pub struct Mapping(pub Vec<(Node, Node)>);

impl Node {
    /// The scalar, if the node is one.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The text, if the node is a scalar.
    pub fn text(&self) -> Option<&str> {
        self.scalar().map(|scalar| scalar.text.as_str())
    }

    /// The items, if the node is a list.
    pub fn sequence(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The items of a list, or the node itself as the only item.
    pub fn items(&self) -> &[Self] {
        self.sequence().unwrap_or(std::slice::from_ref(self))
    }

    /// The mapping, if the node is one.
    pub fn mapping(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// True if the node is `~`, `null`, or has no value.
    pub fn is_null(&self) -> bool {
        self.scalar().is_some_and(|scalar| {
            scalar.plain && matches!(scalar.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
        })
    }

    /// The kind of the node, for messages.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            _ if self.is_null() => "empty",
            Value::Scalar(_) => "a string",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }

    /// The class of the node: its tag `!Class`, or the key `jtype` of Jina 2 and 3.
    pub fn class(&self) -> Option<Spanned<&str>> {
        if let Some(tag) = &self.tag {
            return Some(Spanned::new(tag.value.as_str(), tag.span));
        }
        let jtype = self.mapping()?.get("jtype")?;
        jtype.text().map(|class| Spanned::new(class, jtype.span))
    }
}

impl Mapping {
    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, value)| value)
    }

    /// The entry of `key`.
    pub fn entry(&self, key: &str) -> Option<(&Node, &Node)> {
        self.iter().find(|(known, _)| known.text() == Some(key))
    }

    /// The entries in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (&Node, &Node)> {
        self.0.iter().map(|(key, value)| (key, value))
    }
}
