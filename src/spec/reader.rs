//! State that the parsers of flow files and executor files share.

use std::path::PathBuf;

use super::dialect::Dialect;
use super::fields::Fields;
use super::keys::Section;
use super::path;
use crate::diagnostic::{Report, Sources, Span, Spanned};
use crate::yaml::{Environment, Mapping, Node, Scalar};

/// Dialect, environment and files of the flow that is being read, and the report on it.
pub(super) struct Reader<'a> {
    pub(super) dialect: Dialect,
    pub(super) environment: &'a Environment,
    /// Receives the files of executors that the flow names.
    pub(super) sources: &'a mut Sources,
    pub(super) report: &'a mut Report,
}

impl Reader<'_> {
    /// The entries of `mapping` that pass the tables of `section`.
    pub(super) fn fields<'n>(&mut self, mapping: &'n Mapping, section: &Section) -> Fields<'n> {
        Fields::read(mapping, section, self.dialect.schema(), self.report)
    }

    /// Like [`Reader::fields`] for a node; empty when it is absent or not a mapping.
    pub(super) fn fields_of<'n>(&mut self, node: Option<&'n Node>, section: &Section) -> Fields<'n> {
        node.and_then(Node::mapping).map(|mapping| self.fields(mapping, section)).unwrap_or_default()
    }

    /// The path in the scalar `node`.
    pub(super) fn path(&self, node: Option<&Node>) -> Option<PathBuf> {
        let node = node?;
        Some(path::resolve(node.scalar()?, node.span, self.sources))
    }

    /// The paths in `node`: a scalar, or a list of scalars.
    pub(super) fn paths(&self, node: Option<&Node>) -> Vec<Spanned<PathBuf>> {
        let resolve = |scalar: &Scalar, span| Spanned::new(path::resolve(scalar, span, self.sources), span);
        let items = node.map(Node::items).unwrap_or_default();
        items.iter().filter_map(|item| Some(resolve(item.scalar()?, item.span))).collect()
    }

    /// The directory of the file that contains `span`.
    pub(super) fn directory(&self, span: Span) -> PathBuf {
        self.sources.directory(span.file).to_owned()
    }
}
