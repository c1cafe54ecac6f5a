//! Typed keys of mappings in a flow file, and the rows of the tables that list them.
//!
//! A [`Key`] is both the row of a table (name, spellings, accepted values, documentation) and the handle by which a
//! parser reads the value, so that table, parser, suggestions and the reference in `docs/yaml.md` cannot differ. The
//! tables are in [`keys`](super::keys); [`fields`](super::fields) reads a mapping by them.

use std::marker::PhantomData;
use std::time::Duration;

use super::choices::Word;
use super::value::{ValueKind, any, duration, flag, integer, items, text, texts, words};
use crate::diagnostic::Spanned;
use crate::yaml::{Node, Schema};

/// A key whose value parsers read as a `T`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key<T> {
    row: KeyRow,
    value: PhantomData<fn() -> T>,
}

/// One row of a table.
#[derive(Clone, Copy, Debug)]
pub struct KeyRow {
    /// The key.
    pub name: &'static str,
    /// Other spellings of the key, from other versions of Jina.
    pub aliases: &'static [&'static str],
    /// Accepted values.
    pub value: ValueKind,
    /// Effect of the key.
    pub support: Support,
    /// Meaning of the key, as a phrase.
    pub documentation: &'static str,
}

/// Effect of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It has the documented effect.
    Supported,
    /// It is accepted and has no effect, for this reason.
    Ignored(&'static str),
    /// It is accepted and has no effect, while in Jina it changes results, in this way.
    ChangesResults(&'static str),
    /// It is rejected; the text is the alternative.
    Rejected(&'static str),
}

impl KeyRow {
    const fn supported(name: &'static str, value: ValueKind, documentation: &'static str) -> Self {
        Self { name, aliases: &[], value, support: Support::Supported, documentation }
    }

    /// A key that another part of the parser reads before the table is consulted, such as `jtype`.
    pub(super) const fn structural(name: &'static str, documentation: &'static str) -> Self {
        Self::supported(name, ValueKind::Text, documentation)
    }

    /// A key that is accepted and has no effect.
    pub(super) const fn ignored(name: &'static str, reason: &'static str) -> Self {
        let support = Support::Ignored(reason);
        Self { name, aliases: &[], value: ValueKind::Any("any value"), support, documentation: "" }
    }

    /// A key that is accepted and has no effect, while in Jina it changes results.
    pub(super) const fn changes_results(name: &'static str, difference: &'static str) -> Self {
        let support = Support::ChangesResults(difference);
        Self { name, aliases: &[], value: ValueKind::Any("any value"), support, documentation: "" }
    }

    /// A key that is rejected; `instead` is the alternative.
    pub(super) const fn rejected(name: &'static str, instead: &'static str) -> Self {
        let support = Support::Rejected(instead);
        Self { name, aliases: &[], value: ValueKind::Any("any value"), support, documentation: "" }
    }

    /// Replaces the other spellings.
    pub(super) const fn aliases(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// Replaces the documentation, for a table in which the key means something else.
    pub(super) const fn documented(self, documentation: &'static str) -> Self {
        Self { documentation, ..self }
    }

    /// Every spelling of the key.
    pub fn spellings(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }
}

/// A type that a key's value is read as.
pub(super) trait ReadValue {
    /// The value, which may borrow from the tree.
    type Output<'a>;

    /// Reads `node`, which was checked against the key's [`ValueKind`]; `schema` selects the notation of numbers.
    fn read(node: &Node, schema: Schema) -> Option<Self::Output<'_>>;
}

/// Declares the type of a key, its constructor, and how its value is read.
macro_rules! value_type {
    ($(#[$doc:meta])* $type:ident, $constructor:ident($($bound:ident),*) = $kind:expr, $output:ty, $read:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(super) enum $type {}

        impl Key<$type> {
            /// A supported key. The numbers, if any, are the bounds of the value, both included.
            pub(super) const fn $constructor(
                name: &'static str,
                $($bound: usize,)*
                documentation: &'static str,
            ) -> Self {
                Self { row: KeyRow::supported(name, $kind, documentation), value: PhantomData }
            }
        }

        impl ReadValue for $type {
            type Output<'a> = $output;

            fn read(node: &Node, schema: Schema) -> Option<Self::Output<'_>> {
                ($read)(node, schema)
            }
        }
    };
}

value_type!(
    /// True or false, read as a `bool`.
    Flag, flag() = ValueKind::Flag, bool, flag
);
value_type!(
    /// An integer within bounds.
    Count, count(least, most) = ValueKind::Count(least, most), Spanned<usize>, integer
);
value_type!(
    /// A time in milliseconds; `None` for no limit.
    Milliseconds, milliseconds() = ValueKind::Milliseconds, Option<Duration>, duration
);
value_type!(
    /// A string.
    Text, text() = ValueKind::Text, Spanned<&'a str>, text
);
value_type!(
    /// A string or a list of strings. A string that a variable supplied may be a list in brackets.
    Texts, texts() = ValueKind::Texts, Vec<Spanned<&'a str>>, texts
);
value_type!(
    /// A path, read as a node: [`path`](super::path) resolves it against the file that contains it.
    PathNode, path() = ValueKind::Path, &'a Node, any
);
value_type!(
    /// A path or a list of paths, read as a node.
    PathNodes, paths() = ValueKind::Paths, &'a Node, any
);
value_type!(
    /// A mapping, read as its node.
    MappingNode, mapping() = ValueKind::Mapping, &'a Node, any
);
value_type!(
    /// A list.
    List, list() = ValueKind::List, &'a [Node], items
);

/// An integer from 0 to a bound, or -1 for the default. Its value becomes a parameter of the remote executor; see
/// [`remote`](super::remote).
#[derive(Clone, Copy, Debug)]
pub(super) enum CountOrDefault {}

/// One of the words of `W`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice<W>(PhantomData<W>);

/// Any value, read as its node.
#[derive(Clone, Copy, Debug)]
pub(super) enum AnyNode {}

impl Key<CountOrDefault> {
    /// A supported key; `most` is the largest value.
    pub(super) const fn count_or_default(
        name: &'static str,
        most: usize,
        documentation: &'static str,
    ) -> Self {
        let row = KeyRow::supported(name, ValueKind::CountOrDefault(most), documentation);
        Self { row, value: PhantomData }
    }
}

impl<W: Word> Key<Choice<W>> {
    /// A supported key, whose values are the words of `W`.
    pub(super) const fn choice(name: &'static str, documentation: &'static str) -> Self {
        let value = ValueKind::Choice(words::<W>);
        Self { row: KeyRow::supported(name, value, documentation), value: PhantomData }
    }
}

impl Key<AnyNode> {
    /// A supported key; `values` describes the accepted values in words.
    pub(super) const fn any(name: &'static str, values: &'static str, documentation: &'static str) -> Self {
        Self { row: KeyRow::supported(name, ValueKind::Any(values), documentation), value: PhantomData }
    }
}

impl<W: Word> ReadValue for Choice<W> {
    type Output<'a> = W;

    fn read(node: &Node, _: Schema) -> Option<W> {
        let text = node.text()?;
        W::WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, value)| *value)
    }
}

impl ReadValue for AnyNode {
    type Output<'a> = &'a Node;

    fn read(node: &Node, _: Schema) -> Option<&Node> {
        Some(node)
    }
}

impl<T> Key<T> {
    /// The row of a table.
    pub(super) const fn row(self) -> KeyRow {
        self.row
    }

    /// Other spellings of the key.
    pub(super) const fn aliases(self, aliases: &'static [&'static str]) -> Self {
        Self { row: self.row.aliases(aliases), value: PhantomData }
    }

    /// The key without its type, for lists of keys.
    pub(super) const fn name(&self) -> KeyName {
        KeyName(self.row.name)
    }
}

/// The name of a typed key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyName(&'static str);

impl KeyName {
    pub(super) const fn as_str(self) -> &'static str {
        self.0
    }
}

impl std::fmt::Display for KeyName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl<T> From<&Key<T>> for KeyName {
    fn from(key: &Key<T>) -> Self {
        key.name()
    }
}
