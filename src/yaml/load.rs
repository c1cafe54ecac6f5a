//! Loads a file: converts the events of the YAML parser to a tree, within the limits on size and depth.

use std::collections::HashMap;
use std::path::Path;

use flowrun_sdk::guard;
use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, StrInput};

use super::environment::Environment;
use super::merge::{is_merge_key, merge};
use super::node::{Mapping, Node, Origin, Scalar, Tag, Value};
use super::substitute::substitute;
use super::syntax_help::unquoted_value;
use crate::diagnostic::{Code, Diagnostic, FileId, Report, Sources, Span, Spanned};
use crate::limits::{YAML_BYTES_MAX, YAML_DEPTH_MAX, YAML_NODES_MAX};

/// Namespace of the types of YAML.
const YAML_TYPES: &str = "tag:yaml.org,2002:";

/// The tag `!` alone, which makes a text of a scalar, as quotes do.
const NON_SPECIFIC: &str = "!";

/// Reads the file at `path` and substitutes its expressions.
///
/// `None`, and a report, when the file is unreadable, not YAML, or beyond the limits; otherwise the report may still contain
/// errors.
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

/// Like [`load`], for `text` from the file at `path`.
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
    substitute(&mut node, environment, &mut sources.variables, report);
    Some(node)
}

/// The error is boxed because it is large and rare.
type Loaded<T> = Result<T, Box<Diagnostic>>;

/// Parses the only document in `text`, without substituting expressions.
fn parse(file: FileId, text: &str, report: &mut Report) -> Loaded<Node> {
    let events = Parser::new_from_str(text);
    let mut loader = Loader { file, text, events, report, anchors: HashMap::new(), nodes: 0, depth: 0 };
    let node = loop {
        match loader.next()? {
            (Event::StreamStart | Event::DocumentStart(..), _) => {}
            (Event::StreamEnd | Event::DocumentEnd, spans) => break empty(spans.node),
            (event, spans) => break loader.node(event, spans)?,
        }
    };
    loader.expect_end()?;
    Ok(node)
}

/// The node of a value that is absent, or of an empty file: an empty plain scalar.
fn empty(span: Span) -> Node {
    let (text, written) = (String::new(), String::new());
    let scalar = Scalar { text, written, plain: true, origin: Origin::File, from_variable: false };
    Node { span, tag: None, type_tag: None, value: Value::Scalar(scalar) }
}

/// Locations of an event and of its tag.
struct EventSpans {
    node: Span,
    tag: Option<Span>,
}

/// Builds the tree from the parser's events.
struct Loader<'a, 'r> {
    file: FileId,
    text: &'a str,
    events: Parser<'a, StrInput<'a>>,
    report: &'r mut Report,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    depth: usize,
}

impl<'a> Loader<'a, '_> {
    fn next(&mut self) -> Loaded<(Event<'a>, EventSpans)> {
        match self.events.next() {
            Some(Ok((event, span))) => {
                let tag = span.tag_span().map(|span| self.span(&span));
                Ok((event, EventSpans { node: self.span(&span), tag }))
            }
            Some(Err(error)) => Err(Box::new(self.syntax(&error))),
            None => {
                let start = Span { file: self.file, start: 0, end: 0 };
                Ok((Event::StreamEnd, EventSpans { node: start, tag: None }))
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
        let invalid =
            |span| Diagnostic::at(Code::YamlSyntax, span, format!("invalid YAML: {}", error.kind()));
        match (error.kind(), unquoted_value(self.text, start)) {
            (ErrorKind::RecursionLimitExceeded, _) => too_deep(span),
            (_, Some(value)) => invalid(Span { start: value.start, end: value.end, ..span }).help(value.help),
            (_, None) => invalid(span),
        }
    }

    /// Rejects a second document, which would otherwise be dropped silently.
    fn expect_end(&mut self) -> Loaded<()> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentStart(..), spans) => {
                    let message = "the file contains a second YAML document";
                    let help = "write one flow per file: remove `---` and the text after it";
                    return Err(Box::new(Diagnostic::at(Code::YamlSyntax, spans.node, message).help(help)));
                }
                _ => {}
            }
        }
    }

    /// The node that starts with `event`.
    fn node(&mut self, event: Event<'a>, spans: EventSpans) -> Loaded<Node> {
        self.count(1, spans.node)?;
        let (tag, type_tag) = tags(&event, spans.tag.unwrap_or(spans.node));
        let (value, anchor, end) = match event {
            Event::Alias(anchor) => return self.alias(anchor, spans.node),
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                let text = text.into_owned();
                let written = text.clone();
                let scalar = Scalar { written, text, plain, origin: Origin::File, from_variable: false };
                (Value::Scalar(scalar), anchor, spans.node.end)
            }
            Event::SequenceStart(_, anchor, _) => {
                let (items, end) = self.nested(spans.node, Self::sequence)?;
                (Value::Sequence(items), anchor, end)
            }
            Event::MappingStart(_, anchor, _) => {
                let (mapping, end) = self.nested(spans.node, Self::mapping)?;
                (Value::Mapping(mapping), anchor, end)
            }
            _ => return Ok(empty(spans.node)),
        };
        let node = Node { span: Span { end: end.max(spans.node.end), ..spans.node }, tag, type_tag, value };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    /// Reads the content of a collection, one level deeper.
    fn nested<T>(&mut self, span: Span, read: fn(&mut Self) -> Loaded<T>) -> Loaded<T> {
        self.depth += 1;
        if self.depth > YAML_DEPTH_MAX {
            return Err(Box::new(too_deep(span)));
        }
        let content = read(self);
        self.depth -= 1;
        content
    }

    /// The items of a sequence, and the byte after its end.
    fn sequence(&mut self) -> Loaded<(Vec<Node>, usize)> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, spans) => return Ok((items, spans.node.end)),
                (event, spans) => items.push(self.node(event, spans)?),
            }
        }
    }

    /// The entries of a mapping, and the byte after its end.
    fn mapping(&mut self) -> Loaded<(Mapping, usize)> {
        let mut mapping = Mapping::default();
        let mut merged = Vec::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, spans) => {
                    return Ok((merge(mapping, merged, self.report), spans.node.end));
                }
                (event, spans) => self.node(event, spans)?,
            };
            let (event, spans) = self.next()?;
            let value = self.node(event, spans)?;
            if is_merge_key(&key) {
                merged.push(value);
            } else {
                self.insert(&mut mapping, key, value);
            }
        }
    }

    /// Adds an entry. A duplicate key is reported, and the last value is kept.
    fn insert(&mut self, mapping: &mut Mapping, key: Node, value: Node) {
        let known =
            key.text().and_then(|name| mapping.0.iter_mut().find(|(known, _)| known.text() == Some(name)));
        match known {
            Some(entry) => {
                let message = format!("duplicate key `{}`", key.text().unwrap_or_default());
                let duplicate = Diagnostic::at(Code::DuplicateKey, key.span, message)
                    .label(entry.0.span, "first one")
                    .help("remove one of the two; with --lenient the last one is used");
                self.report.push(duplicate);
                *entry = (key, value);
            }
            None => mapping.0.push((key, value)),
        }
    }

    /// The node of an alias, counted as if it were written out.
    fn alias(&mut self, anchor: usize, span: Span) -> Loaded<Node> {
        let Some(node) = self.anchors.get(&anchor) else {
            let message = "the alias is inside the node that it refers to";
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
        let message = format!("the file has more than {YAML_NODES_MAX} nodes after its aliases are expanded");
        Err(Box::new(Diagnostic::at(Code::YamlTooLarge, span, message)))
    }
}

fn too_deep(span: Span) -> Diagnostic {
    let message = format!("lists and mappings are nested more than {YAML_DEPTH_MAX} levels deep");
    Diagnostic::at(Code::YamlTooLarge, span, message)
}

/// Number of nodes in the tree `node`.
fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Scalar(_) => 0,
        Value::Sequence(items) => items.iter().map(size).sum(),
        Value::Mapping(mapping) => mapping.iter().map(|(key, value)| size(key) + size(value)).sum(),
    }
}

/// The class (`!Tag`) and the type of YAML (`!!int`) of an event.
fn tags(event: &Event<'_>, span: Span) -> (Option<Tag>, Option<Tag>) {
    let Some(tag) = event.tag().filter(|tag| !tag.suffix().is_empty()) else { return (None, None) };
    if tag.suffix() == NON_SPECIFIC {
        let is_scalar = matches!(event, Event::Scalar(..));
        return (None, is_scalar.then(|| Spanned::new("str".to_owned(), span)));
    }
    match tag.suffix_in_namespace(YAML_TYPES) {
        Some(name) => (None, Some(Spanned::new(name.into_owned(), span))),
        None => (Some(Spanned::new(tag.suffix().to_owned(), span)), None),
    }
}
