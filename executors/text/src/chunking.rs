//! A text in pieces, which become its chunks: what the executors that cut texts have in common. Where to cut is their own
//! affair.

use std::borrow::Cow;

use flowrun_sdk::{CallBudget, Document, Documents, ExecutorError, tag_sibling_count};

/// The largest text that is cut, in bytes. Positions are single-precision floats, which are exact up to here.
const TEXT_BYTES_MAX: usize = 1 << 24;

/// A piece of a text. Positions count characters, from the beginning of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece<'t> {
    /// What it says.
    pub(crate) text: Cow<'t, str>,
    /// Its first character.
    pub(crate) start: usize,
    /// The one behind its last.
    pub(crate) end: usize,
}

/// The text of a document that is to be cut.
pub(crate) fn text(document: &Document) -> Result<&str, ExecutorError> {
    let text = document.text.as_deref().ok_or_else(|| ExecutorError::input("the document has no text"))?;
    if text.len() > TEXT_BYTES_MAX {
        let bytes = text.len();
        let message = format_args!("the text has {bytes} bytes, more than the {TEXT_BYTES_MAX} allowed");
        return Err(ExecutorError::input(message));
    }
    Ok(text)
}

/// The chunks of a document, of numbered pieces, which messages call `pieces_name`. Each tells its number (`offset`), the
/// characters that it spans (`location`: first, behind the last) and how many there are (tag `siblings`), which rankers
/// ask.
pub(crate) fn chunks<'t>(
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
            let message = format_args!("the text has more {pieces_name} than the {chunks_max} allowed");
            return Err(ExecutorError::input(message));
        }
        let chunk = chunk(document, number, &piece);
        budget.reserve(chunk.memory_bytes())?;
        chunks.push(chunk);
    }
    tag_sibling_count(&mut chunks);
    Ok(chunks.into())
}

fn chunk(document: &Document, number: usize, piece: &Piece<'_>) -> Document {
    let mut chunk = document.new_chunk(number).with_text(piece.text.as_ref());
    chunk.weight = Some(1.0);
    chunk.offset = Some(number as f32);
    chunk.location = vec![piece.start as f32, piece.end as f32];
    chunk
}
