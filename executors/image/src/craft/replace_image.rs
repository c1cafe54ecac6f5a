//! An executor that replaces the image of each document.

use flowrun_sdk::{AccessPaths, Call, CallBudget, Document, Executor, ExecutorError, with_part_id};

use super::piece::Piece;

/// Replaces the image of each document by the piece that `craft` makes of it.
pub(crate) struct ReplaceImage<F> {
    /// Documents whose image is replaced, unless the request selects others.
    pub(crate) access_paths: AccessPaths,
    /// Function from a document, with the budget of the call, to its new image.
    pub(crate) craft: F,
}

impl<F> Executor for ReplaceImage<F>
where
    F: FnMut(&Document, &CallBudget) -> Result<Piece, ExecutorError> + Send,
{
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.access_paths)?.into_owned();
        let budget = call.budget();
        call.for_each(&paths, |document| {
            let piece = (self.craft)(document, &budget).map_err(|error| with_part_id(document, error))?;
            piece.write_to(document);
            Ok(())
        })
    }
}
