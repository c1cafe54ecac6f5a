//! Errors that say which part of a document they are about.

use flowrun_sdk::{Document, ExecutorError};

/// Puts the id of `document` before the error, when it is a part of what was sent: the whole is named by the host.
pub(crate) fn named(document: &Document, error: ExecutorError) -> ExecutorError {
    match (document.granularity, document.adjacency) {
        (0, 0) => error,
        _ => ExecutorError::new(error.kind(), format_args!("`{}`: {error}", document.id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_named_and_the_whole_is_not() {
        let whole = Document::new("a");
        let error = || ExecutorError::resource("gone");
        assert_eq!(named(&whole, error()), error());
        assert_eq!(named(&whole.new_chunk(3), error()), ExecutorError::resource("`a#3`: gone"));
        let deepest = Document { granularity: u32::MAX, adjacency: u32::MAX, ..whole };
        assert_eq!(named(&deepest, error()), ExecutorError::resource("`a`: gone"));
    }
}
