//! Shortens error messages in replies, and lines of the log that the dashboard shows: they may quote ids and texts of
//! any length that a client sent.

use std::borrow::Cow;

use crate::limits::ERROR_TEXT_BYTES_MAX;

/// Removes control characters other than line breaks and tabs, and the middle of a text of more than
/// [`ERROR_TEXT_BYTES_MAX`] bytes. Beginning and end stay, because they name the document and the reason.
pub(super) fn shorten(text: &str) -> Cow<'_, str> {
    let is_unwanted = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t');
    let short = if text.len() <= ERROR_TEXT_BYTES_MAX {
        Cow::Borrowed(text)
    } else {
        let half = ERROR_TEXT_BYTES_MAX / 2;
        let (start, end) = (text.floor_char_boundary(half), text.ceil_char_boundary(text.len() - half));
        let (first, last) = (text.get(..start).unwrap_or_default(), text.get(end..).unwrap_or_default());
        Cow::Owned(format!("{first}… ({} bytes omitted) …{last}", end - start))
    };
    if short.contains(is_unwanted) { short.replace(is_unwanted, "").into() } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_lose_their_middle_and_control_characters() {
        let text = format!("{}: the document has no text", "é".repeat(1_000_000));
        let short = shorten(&text);
        assert!(short.len() < ERROR_TEXT_BYTES_MAX + 100, "{}", short.len());
        assert!(short.starts_with('é') && short.ends_with(": the document has no text"));
        assert_eq!(shorten("a\u{1b}[31mb\n\tc"), "a[31mb\n\tc");
        assert!(matches!(shorten("short"), Cow::Borrowed("short")));
    }
}
