//! Several pieces become documents beside their image.

use std::collections::{HashMap, HashSet};
use std::mem::take;

use flowrun_sdk::{
    AccessPaths, BuildError, Call, CallBudget, Document, Executor, ExecutorError, tag_sibling_count,
};

use super::Piece;
use crate::named::named;

/// An executor that adds what `craft` makes of each image behind its siblings.
pub(crate) struct Beside<F> {
    access_paths: AccessPaths,
    keep_original: bool,
    /// Whether one image becomes one document. A document of the request has no siblings, so it takes that.
    one_for_one: bool,
    craft: F,
}

/// How many documents an image becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Yield {
    /// One piece.
    One,
    /// Another number of pieces.
    Many,
}

impl<F> Beside<F>
where
    F: FnMut(&Document, &CallBudget) -> Result<Vec<Piece>, ExecutorError> + Send,
{
    /// # Errors
    /// When the paths lead to documents of the request and these would have to become several.
    pub(crate) fn new(
        access_paths: AccessPaths,
        keep_original: bool,
        pieces: Yield,
        craft: F,
    ) -> Result<Self, BuildError> {
        let one_for_one = pieces == Yield::One && !keep_original;
        if !one_for_one && access_paths.include_roots() {
            return Err(BuildError::parameter("access_paths", SEVERAL));
        }
        Ok(Self { access_paths, keep_original, one_for_one, craft })
    }
}

const SEVERAL: &str = "`@r` is not possible here: an image becomes several, and a document of the request cannot; \
    cut chunks (`@c`) instead";

impl<F> Executor for Beside<F>
where
    F: FnMut(&Document, &CallBudget) -> Result<Vec<Piece>, ExecutorError> + Send,
{
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.access_paths)?.into_owned();
        if !self.one_for_one && paths.include_roots() {
            return Err(ExecutorError::parameter("access_paths", SEVERAL));
        }
        let budget = call.budget();
        call.for_each_siblings(&paths, |documents| {
            let originals = take(documents);
            let mut names = Names::beside(&originals);
            let mut made = Vec::new();
            for original in &originals {
                budget.check()?;
                let pieces = (self.craft)(original, &budget).map_err(|error| named(original, error))?;
                made.extend(
                    pieces.into_iter().map(|piece| document_of(piece, original, names.next(original))),
                );
            }
            if self.keep_original {
                *documents = originals;
            }
            documents.extend(made);
            tag_sibling_count(documents);
            Ok(())
        })
    }
}

/// Ids for pieces: the original's with a number behind it, the first one that no sibling has. The same siblings always
/// give the same ids.
struct Names<'a> {
    taken: HashSet<String>,
    /// The number to try next, by original: siblings may have the same id, and none goes through the numbers again.
    next: HashMap<&'a str, u64>,
}

impl<'a> Names<'a> {
    fn beside(originals: &'a [Document]) -> Self {
        Self { taken: originals.iter().map(|original| original.id.clone()).collect(), next: HashMap::new() }
    }

    fn next(&mut self, original: &'a Document) -> String {
        let number = self.next.entry(&original.id).or_default();
        loop {
            let id = format!("{}#{number}", original.id);
            *number += 1;
            if self.taken.insert(id.clone()) {
                return id;
            }
        }
    }
}

/// A document like the original but for its image and id.
fn document_of(piece: Piece, original: &Document, id: String) -> Document {
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
    piece.place(&mut document);
    document
}
