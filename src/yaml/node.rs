//! The tree: scalars, sequences and mappings, each with its place and its tag.

use crate::diagnostic::{Span, Spanned};

/// A node of the tree.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it stands.
    pub span: Span,
    /// The `!Tag` before it, without the exclamation mark.
    pub tag: Option<Tag>,
    /// What it is.
    pub value: Value,
}

/// A `!Tag`.
pub type Tag = Spanned<String>;

/// What a node is.
#[derive(Clone, Debug)]
pub enum Value {
    /// Text that has yet to get a type; an absent value is an empty plain one.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping.
    Mapping(Mapping),
}

/// A text that has yet to get a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// The text, after environment expressions were substituted.
    pub text: String,
    /// The text as it was written, which is what is shown to people: it has no secrets in it.
    pub written: String,
    /// Whether it stands without quotes, and so may be a number, true, false or null.
    pub plain: bool,
    /// Where the text comes from.
    pub origin: Origin,
}

/// Where a scalar's text comes from; relative paths start there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The file, defaults of expressions included.
    File,
    /// A variable supplied its beginning: the shell that set it, hence the working directory.
    Variable,
}

/// A mapping, in the order in which it was written. Keys may be lists, as in `[IndexRequest, SearchRequest]: …`.
#[derive(Clone, Debug, Default)]
pub struct Mapping(pub Vec<(Node, Node)>);

impl Node {
    /// The scalar that the node is.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The text of the scalar that the node is.
    pub fn text(&self) -> Option<&str> {
        self.scalar().map(|scalar| scalar.text.as_str())
    }

    /// The items of the list that the node is.
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

    /// The mapping that the node is.
    pub fn mapping(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// Whether there is nothing: `~`, `null`, or no value at all.
    pub fn is_null(&self) -> bool {
        self.scalar().is_some_and(|scalar| {
            scalar.plain && matches!(scalar.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
        })
    }

    /// What the node is, for messages.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            _ if self.is_null() => "nothing",
            Value::Scalar(_) => "a text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }

    /// The class that the node names: by its tag `!Class`, or by the key `jtype` of Jina 2 and 3.
    pub fn class(&self) -> Option<Spanned<&str>> {
        if let Some(tag) = &self.tag {
            return Some(Spanned::new(tag.value.as_str(), tag.span));
        }
        let jtype = self.mapping()?.get("jtype")?;
        jtype.text().map(|class| Spanned::new(class, jtype.span))
    }
}

impl Mapping {
    /// The value behind `key`.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, value)| value)
    }

    /// The entry of `key`.
    pub fn entry(&self, key: &str) -> Option<(&Node, &Node)> {
        self.iter().find(|(known, _)| known.text() == Some(key))
    }

    /// The entries in the order in which they were written.
    pub fn iter(&self) -> impl Iterator<Item = (&Node, &Node)> {
        self.0.iter().map(|(key, value)| (key, value))
    }
}
