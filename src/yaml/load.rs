//! From text to tree: events of the parser become nodes, within bounds.

use std::collections::HashMap;
use std::path::Path;

use flowrun_sdk::guard;
use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, StrInput};

use super::Environment;
use super::node::{Mapping, Node, Origin, Scalar, Value};
use super::substitute::substitute;
use crate::diagnostic::{Code, Diagnostic, FileId, Report, Sources, Span, Spanned};
use crate::limits::{YAML_BYTES_MAX, YAML_DEPTH_MAX, YAML_NODES_MAX};

/// Reads the file at `path` and substitutes its expressions.
///
/// `None` when there is no tree to go on with; otherwise the report may still hold errors.
pub fn load(
    path: &Path,
    environment: &Environment,
    sources: &mut Sources,
    report: &mut Report,
) -> Option<Node> {
    let text = match guard::read_text(path, YAML_BYTES_MAX) {
        Ok(text) => text,
        Err(error) => {
            report.push(Diagnostic::new(Code::FileUnreadable, error.to_string()));
            return None;
        }
    };
    load_text(path, text, environment, sources, report)
}

/// As [`load`], of a text that stands in the file at `path`.
pub fn load_text(
    path: &Path,
    text: impl Into<std::sync::Arc<str>>,
    environment: &Environment,
    sources: &mut Sources,
    report: &mut Report,
) -> Option<Node> {
    let file = sources.add(path, text);
    let mut node = match parse(file, &sources.text(file), report) {
        Ok(node) => node,
        Err(diagnostic) => {
            report.push(*diagnostic);
            return None;
        }
    };
    substitute(&mut node, environment, report);
    Some(node)
}

/// Boxed, because it is large and rare.
type Loaded<T> = Result<T, Box<Diagnostic>>;

/// The tree of the one document in `text`, expressions still in it.
fn parse(file: FileId, text: &str, report: &mut Report) -> Loaded<Node> {
    let events = Parser::new_from_str(text);
    let mut loader = Loader { file, events, report, anchors: HashMap::new(), nodes: 0, depth: 0 };
    let node = loop {
        match loader.next()? {
            (Event::StreamStart | Event::DocumentStart(..), _) => {}
            (Event::StreamEnd | Event::DocumentEnd, place) => break empty(place.span),
            (event, place) => break loader.node(event, place)?,
        }
    };
    loader.expect_end()?;
    Ok(node)
}

/// An absent node.
fn empty(span: Span) -> Node {
    let scalar = Scalar { text: String::new(), written: String::new(), plain: true, origin: Origin::File };
    Node { span, tag: None, value: Value::Scalar(scalar) }
}

/// Where an event stands, and where its tag does.
struct Place {
    span: Span,
    tag: Option<Span>,
}

/// Builds the tree from the parser's events.
struct Loader<'a, 'r> {
    file: FileId,
    events: Parser<'a, StrInput<'a>>,
    report: &'r mut Report,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    depth: usize,
}

impl<'a> Loader<'a, '_> {
    fn next(&mut self) -> Loaded<(Event<'a>, Place)> {
        match self.events.next() {
            Some(Ok((event, span))) => {
                let tag = span.tag_span().map(|span| self.span(&span));
                Ok((event, Place { span: self.span(&span), tag }))
            }
            Some(Err(error)) => Err(Box::new(self.syntax(&error))),
            None => {
                Ok((Event::StreamEnd, Place { span: Span { file: self.file, start: 0, end: 0 }, tag: None }))
            }
        }
    }

    fn span(&self, span: &granit_parser::Span) -> Span {
        let range = span.byte_range().unwrap_or_default();
        Span { file: self.file, start: range.start, end: range.end }
    }

    fn syntax(&self, error: &ScanError) -> Diagnostic {
        let start = error.marker().byte_offset().unwrap_or_default();
        let span = Span { file: self.file, start, end: start };
        match error.kind() {
            ErrorKind::RecursionLimitExceeded => too_deep(span),
            kind => Diagnostic::at(Code::YamlSyntax, span, format!("this is not YAML: {kind}")),
        }
    }

    /// A second document would be lost without a word; it is refused instead.
    fn expect_end(&mut self) -> Loaded<()> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentStart(..), place) => {
                    let message = "the file holds a second YAML document";
                    let help = "keep one flow in a file: remove the `---` and what follows";
                    return Err(Box::new(Diagnostic::at(Code::YamlSyntax, place.span, message).help(help)));
                }
                _ => {}
            }
        }
    }

    /// The node that starts with `event`.
    fn node(&mut self, event: Event<'a>, place: Place) -> Loaded<Node> {
        self.count(1, place.span)?;
        let tag = event.tag().map(|tag| tag.suffix().to_owned()).filter(|tag| !tag.is_empty());
        let tag = tag.map(|tag| Spanned::new(tag, place.tag.unwrap_or(place.span)));
        let (value, anchor, end) = match event {
            Event::Alias(anchor) => return self.alias(anchor, place.span),
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                let text = text.into_owned();
                let scalar = Scalar { written: text.clone(), text, plain, origin: Origin::File };
                (Value::Scalar(scalar), anchor, place.span.end)
            }
            Event::SequenceStart(_, anchor, _) => {
                let (items, end) = self.nested(place.span, Self::sequence)?;
                (Value::Sequence(items), anchor, end)
            }
            Event::MappingStart(_, anchor, _) => {
                let (mapping, end) = self.nested(place.span, Self::mapping)?;
                (Value::Mapping(mapping), anchor, end)
            }
            _ => return Ok(empty(place.span)),
        };
        let node = Node { span: Span { end: end.max(place.span.end), ..place.span }, tag, value };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    /// Reads what is inside a collection, one level deeper.
    fn nested<T>(&mut self, span: Span, read: fn(&mut Self) -> Loaded<T>) -> Loaded<T> {
        self.depth += 1;
        if self.depth > YAML_DEPTH_MAX {
            return Err(Box::new(too_deep(span)));
        }
        let inside = read(self);
        self.depth -= 1;
        inside
    }

    /// The items up to the end of the sequence, and where that is.
    fn sequence(&mut self) -> Loaded<(Vec<Node>, usize)> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, place) => return Ok((items, place.span.end)),
                (event, place) => items.push(self.node(event, place)?),
            }
        }
    }

    /// The entries up to the end of the mapping, and where that is.
    fn mapping(&mut self) -> Loaded<(Mapping, usize)> {
        let mut mapping = Mapping::default();
        let mut merged = Vec::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, place) => {
                    merge(&mut mapping, merged);
                    return Ok((mapping, place.span.end));
                }
                (event, place) => self.node(event, place)?,
            };
            let (event, place) = self.next()?;
            let value = self.node(event, place)?;
            if key.scalar().is_some_and(|scalar| scalar.plain && scalar.text == "<<") {
                merged.push(value);
            } else {
                self.insert(&mut mapping, key, value);
            }
        }
    }

    /// Adds an entry; of two with the same key the last one stays.
    fn insert(&mut self, mapping: &mut Mapping, key: Node, value: Node) {
        let known =
            key.text().and_then(|name| mapping.0.iter_mut().find(|(known, _)| known.text() == Some(name)));
        match known {
            Some(entry) => {
                let message = format!("the key `{}` stands here twice", key.text().unwrap_or_default());
                let duplicate = Diagnostic::at(Code::DuplicateKey, key.span, message)
                    .label(entry.0.span, "the first one")
                    .help("remove one of the two; with --lenient the last one counts");
                self.report.push(duplicate);
                *entry = (key, value);
            }
            None => mapping.0.push((key, value)),
        }
    }

    /// The node that an alias stands for, counted as if it were written out.
    fn alias(&mut self, anchor: usize, span: Span) -> Loaded<Node> {
        let Some(node) = self.anchors.get(&anchor) else {
            let message = "this alias stands inside the node that it names";
            return Err(Box::new(Diagnostic::at(Code::YamlSyntax, span, message)));
        };
        let node = node.clone();
        self.count(size(&node), span)?;
        Ok(node)
    }

    fn count(&mut self, nodes: usize, span: Span) -> Loaded<()> {
        self.nodes += nodes;
        if self.nodes <= YAML_NODES_MAX {
            return Ok(());
        }
        let message = format!("the file has more than {YAML_NODES_MAX} nodes, aliases written out");
        Err(Box::new(Diagnostic::at(Code::YamlTooLarge, span, message)))
    }
}

fn too_deep(span: Span) -> Diagnostic {
    let message = format!("lists and mappings are nested more than {YAML_DEPTH_MAX} deep");
    Diagnostic::at(Code::YamlTooLarge, span, message)
}

/// How many nodes hang below and at `node`.
fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Scalar(_) => 0,
        Value::Sequence(items) => items.iter().map(size).sum(),
        Value::Mapping(mapping) => mapping.iter().map(|(key, value)| size(key) + size(value)).sum(),
    }
}

/// Adds the entries of `<<: *base` and `<<: [*one, *two]` that the mapping does not have itself.
fn merge(mapping: &mut Mapping, bases: Vec<Node>) {
    for base in bases {
        match base.value {
            Value::Mapping(base) => {
                for (key, value) in base.0 {
                    if key.text().is_none_or(|name| mapping.get(name).is_none()) {
                        mapping.0.push((key, value));
                    }
                }
            }
            Value::Sequence(bases) => merge(mapping, bases),
            Value::Scalar(_) => {}
        }
    }
}
