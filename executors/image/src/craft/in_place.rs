//! One piece takes the place of its image.

use flowrun_sdk::{AccessPaths, Call, CallBudget, Document, Executor, ExecutorError};

use super::Piece;
use crate::named::named;

/// An executor that puts what `craft` makes of each image in its place.
pub(crate) struct InPlace<F> {
    pub(crate) access_paths: AccessPaths,
    pub(crate) craft: F,
}

impl<F> Executor for InPlace<F>
where
    F: FnMut(&Document, &CallBudget) -> Result<Piece, ExecutorError> + Send,
{
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.access_paths)?.into_owned();
        let budget = call.budget();
        call.for_each(&paths, |document| {
            let piece = (self.craft)(document, &budget).map_err(|error| named(document, error))?;
            piece.place(document);
            Ok(())
        })
    }
}
