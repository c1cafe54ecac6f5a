//! What every part of this stage needs at hand while it reads a file.

use std::path::PathBuf;

use super::executor::PythonModule;
use super::fields::Fields;
use super::keys::Place;
use super::{Dialect, path};
use crate::diagnostic::{Report, Sources, Span, Spanned};
use crate::yaml::{Environment, Mapping, Node, Scalar};

/// Reads a flow: its file, the executors' files that it names, and what to say about them.
pub(super) struct Reader<'a> {
    pub(super) dialect: Dialect,
    pub(super) environment: &'a Environment,
    pub(super) sources: &'a mut Sources,
    pub(super) report: &'a mut Report,
}

impl Reader<'_> {
    /// The entries of `mapping` that pass the tables of `place`.
    pub(super) fn fields<'n>(&mut self, mapping: &'n Mapping, place: &Place) -> Fields<'n> {
        Fields::read(mapping, place, self.report)
    }

    /// The entries of the mapping behind `node`; none when there is none.
    pub(super) fn fields_of<'n>(&mut self, node: Option<&'n Node>, place: &Place) -> Fields<'n> {
        node.and_then(Node::mapping).map(|mapping| self.fields(mapping, place)).unwrap_or_default()
    }

    /// The path that the scalar behind `node` holds.
    pub(super) fn path(&self, node: Option<&Node>) -> Option<PathBuf> {
        let node = node?;
        Some(path::resolve(node.scalar()?, node.span, self.sources))
    }

    /// The paths behind `node`: one, or those of a list.
    pub(super) fn paths(&self, node: Option<&Node>) -> Vec<Spanned<PathBuf>> {
        let resolve = |scalar: &Scalar, span| Spanned::new(path::resolve(scalar, span, self.sources), span);
        let Some(node) = node else { return Vec::new() };
        match node.sequence() {
            Some(items) => items.iter().filter_map(|item| Some(resolve(item.scalar()?, item.span))).collect(),
            None => node.scalar().map(|scalar| resolve(scalar, node.span)).into_iter().collect(),
        }
    }

    /// The Python files and modules behind `node`: one, or those of a list.
    pub(super) fn python_modules(&mut self, node: Option<&Node>) -> Vec<PythonModule> {
        let Some(node) = node else { return Vec::new() };
        let items = node.sequence().unwrap_or(std::slice::from_ref(node));
        let module = |item: &Node| {
            let scalar = item.scalar().filter(|scalar| !scalar.text.is_empty())?;
            let file = path::find(scalar, item.span, self.sources, self.report);
            Some(PythonModule { written: Spanned::new(scalar.text.clone(), item.span), file })
        };
        items.iter().filter_map(module).collect()
    }

    /// The directory of the file that `span` lies in.
    pub(super) fn directory(&self, span: Span) -> PathBuf {
        self.sources.directory(span.file).to_owned()
    }
}
