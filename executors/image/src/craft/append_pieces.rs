//! An executor that appends a document for each piece of an image, as siblings of the image's document.

use std::collections::{HashMap, HashSet};
use std::mem::take;

use flowrun_sdk::{
    AccessPaths, BuildError, Call, CallBudget, Document, Executor, ExecutorError, tag_sibling_count,
    with_part_id,
};

use super::piece::Piece;

/// Appends a document for each piece that `craft` makes of an image to the list that contains the image's document,
/// after all of its siblings. The original documents are removed unless `keep_original` is set.
pub(crate) struct AppendPieces<F> {
    access_paths: AccessPaths,
    keep_original: bool,
    /// True if every image becomes exactly one document. Only then may `access_paths` include the request's own documents
    /// (`@r`), whose number must not change.
    one_for_one: bool,
    craft: F,
}

/// Number of pieces that a crafter makes of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PieceCount {
    /// Exactly one.
    One,
    /// Any number.
    Many,
}

impl<F> AppendPieces<F>
where
    F: FnMut(&Document, &CallBudget) -> Result<Vec<Piece>, ExecutorError> + Send,
{
    /// An executor for the documents at `access_paths`. `pieces` is the number of pieces that `craft` returns per image.
    ///
    /// # Errors
    /// When `access_paths` includes the request's own documents (`@r`) and an image may become several documents.
    pub(crate) fn new(
        access_paths: AccessPaths,
        keep_original: bool,
        pieces: PieceCount,
        craft: F,
    ) -> Result<Self, BuildError> {
        let one_for_one = pieces == PieceCount::One && !keep_original;
        if !one_for_one && access_paths.include_roots() {
            return Err(BuildError::parameter("access_paths", ROOTS_NOT_SUPPORTED));
        }
        Ok(Self { access_paths, keep_original, one_for_one, craft })
    }
}

const ROOTS_NOT_SUPPORTED: &str = "`@r` is not supported here: each image is replaced by several documents, which is only \
    possible among chunks; select chunks (`@c`) instead";

impl<F> Executor for AppendPieces<F>
where
    F: FnMut(&Document, &CallBudget) -> Result<Vec<Piece>, ExecutorError> + Send,
{
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.access_paths)?.into_owned();
        if !self.one_for_one && paths.include_roots() {
            return Err(ExecutorError::parameter("access_paths", ROOTS_NOT_SUPPORTED));
        }
        let budget = call.budget();
        call.for_each_siblings(&paths, |documents| {
            let originals = take(documents);
            let mut ids = PieceIds::new(&originals);
            let mut appended = Vec::new();
            for original in &originals {
                budget.check()?;
                let pieces =
                    (self.craft)(original, &budget).map_err(|error| with_part_id(original, error))?;
                appended.extend(
                    pieces.into_iter().map(|piece| piece_document(piece, original, ids.next(original))),
                );
            }
            if self.keep_original {
                *documents = originals;
            }
            documents.extend(appended);
            tag_sibling_count(documents);
            Ok(())
        })
    }
}

/// Generator of the ids of pieces: the id of the original, `#` and the lowest number that no sibling has. The same
/// siblings always get the same ids.
struct PieceIds<'a> {
    used: HashSet<String>,
    /// Next number to try for each original id. Siblings may share an id; their numbers continue each other.
    next_number: HashMap<&'a str, u64>,
}

impl<'a> PieceIds<'a> {
    fn new(originals: &'a [Document]) -> Self {
        let used = originals.iter().map(|original| original.id.clone()).collect();
        Self { used, next_number: HashMap::new() }
    }

    fn next(&mut self, original: &'a Document) -> String {
        let number = self.next_number.entry(&original.id).or_default();
        loop {
            let id = format!("{}#{number}", original.id);
            *number += 1;
            if self.used.insert(id.clone()) {
                return id;
            }
        }
    }
}

/// A copy of the original's metadata (not its text or chunks) with the image of the piece.
fn piece_document(piece: Piece, original: &Document, id: String) -> Document {
    let mut document = Document {
        id,
        parent_id: original.parent_id.clone(),
        granularity: original.granularity,
        adjacency: original.adjacency,
        weight: Some(1.0),
        mime_type: original.mime_type.clone(),
        offset: original.offset,
        modality: original.modality.clone(),
        tags: original.tags.clone(),
        ..Document::default()
    };
    piece.write_to(&mut document);
    document
}
