//! Adds the id of the affected chunk or match to error messages.

use crate::{Document, ExecutorError};

/// Prefixes the message of `error` with the id of `document` if that is a chunk or a match. The runtime itself names
/// the document of the request.
#[must_use]
pub fn with_part_id(document: &Document, error: ExecutorError) -> ExecutorError {
    match (document.granularity, document.adjacency) {
        (0, 0) => error,
        _ => ExecutorError::new(error.kind(), format_args!("`{}`: {error}", document.id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_chunks_and_matches_but_not_root_documents() {
        let root = Document::new("a");
        let error = || ExecutorError::resource("gone");
        assert_eq!(with_part_id(&root, error()), error());
        assert_eq!(with_part_id(&root.new_chunk(3), error()), ExecutorError::resource("`a#3`: gone"));
        let deepest = Document { granularity: u32::MAX, adjacency: u32::MAX, ..root };
        assert_eq!(with_part_id(&deepest, error()), ExecutorError::resource("`a`: gone"));
    }
}
