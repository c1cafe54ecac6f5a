//! Common part of the text segmenters: turns pieces of a text into chunks of its document. The segmenters decide on the
//! boundaries of the pieces.

use std::borrow::Cow;

use flowrun_sdk::{CallBudget, Document, Documents, ExecutorError, tag_sibling_count};

/// Largest text that is segmented, in bytes. Positions are single-precision floats, which are exact up to this number.
const TEXT_BYTES_MAX: usize = 1 << 24;

/// A piece of a text. Positions count characters from the beginning of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece<'t> {
    /// Content of the future chunk.
    pub(crate) text: Cow<'t, str>,
    /// Position of the first character.
    pub(crate) start: usize,
    /// Position after the last character.
    pub(crate) end: usize,
}

/// Returns the text of a document.
///
/// # Errors
/// When the document has no text, or more than [`TEXT_BYTES_MAX`] bytes of it.
pub(crate) fn required_text(document: &Document) -> Result<&str, ExecutorError> {
    let text = document.text.as_deref().ok_or_else(|| ExecutorError::input("the document has no text"))?;
    if text.len() > TEXT_BYTES_MAX {
        let bytes = text.len();
        let message = format_args!("the text has {bytes} bytes, more than the {TEXT_BYTES_MAX} allowed");
        return Err(ExecutorError::input(message));
    }
    Ok(text)
}

/// Creates a chunk for each numbered piece. The number becomes the `offset` of the chunk, the start and end of the
/// piece its `location`, and the number of chunks its tag `siblings`, which rankers read. `pieces_name` is the plural
/// for error messages.
///
/// # Errors
/// When there are more than `chunks_max` pieces, the chunks exceed the memory of `budget`, or the call has expired or been
/// cancelled.
pub(crate) fn create_chunks<'t>(
    document: &Document,
    pieces: impl Iterator<Item = (usize, Piece<'t>)>,
    pieces_name: &str,
    chunks_max: usize,
    budget: &CallBudget,
) -> Result<Documents, ExecutorError> {
    let mut chunks = Vec::new();
    for (number, piece) in pieces {
        budget.check()?;
        if chunks.len() == chunks_max {
            let message =
                format_args!("the text has more than {chunks_max} {pieces_name}; raise `chunks_max`");
            return Err(ExecutorError::input(message));
        }
        let chunk = piece_chunk(document, number, &piece);
        budget.reserve(chunk.memory_bytes())?;
        chunks.push(chunk);
    }
    tag_sibling_count(&mut chunks);
    Ok(chunks.into())
}

fn piece_chunk(document: &Document, number: usize, piece: &Piece<'_>) -> Document {
    let mut chunk = document.new_chunk(number).with_text(piece.text.as_ref());
    chunk.weight = Some(1.0);
    chunk.offset = Some(number as f32);
    chunk.location = vec![piece.start as f32, piece.end as f32];
    chunk
}
