//! The encoded image of a document.

use flowrun_sdk::guard::{self, CONTENT_BYTES_MAX};
use flowrun_sdk::{Bytes, Document};

use super::error::DecodeError;
use super::format::Format;

/// Returns the encoded image of a document: its bytes, else the content of its URI, else the file at the path in its
/// text, where clients of Jina 0.x put the path. A flow that is served to clients reads files in the allowed directories
/// only; there, a text that is not the path of such a file counts as no content.
///
/// # Errors
/// [`DecodeError::NoContent`], or [`DecodeError::Content`] when the URI or file cannot be read.
pub fn content(document: &Document) -> Result<Bytes, DecodeError> {
    match (&document.blob, document.uri.as_str(), document.text.as_deref()) {
        (Some(blob), _, _) => Ok(blob.clone()),
        (None, "", None) => Err(DecodeError::NoContent),
        (None, "", Some(path)) => match guard::read_uri(path.trim(), CONTENT_BYTES_MAX) {
            // The text of a client is usually a text: an error about a path would be misleading.
            Err(_) if guard::allowed_directories().is_some() => Err(DecodeError::NoContent),
            content => Ok(content?),
        },
        (None, uri, _) => Ok(guard::read_uri(uri, CONTENT_BYTES_MAX)?),
    }
}

/// Sets the media type of a document to that of its content, unless the document has one.
///
/// # Errors
/// Those of [`Format::detect`].
pub(crate) fn set_mime_type(document: &mut Document, content: &[u8]) -> Result<(), DecodeError> {
    if document.mime_type.is_empty() {
        document.mime_type = Format::detect(content)?.mime_type().to_owned();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_precedence_over_the_uri_and_the_uri_over_the_text() {
        let text = Document::new("a").with_text("data:,text\n");
        let uri = text.clone().with_uri("data:,uri");
        let blob = uri.clone().with_blob(&b"blob"[..]);
        let contents = [blob, uri, text].map(|document| content(&document).unwrap());
        assert_eq!(contents, ["blob", "uri", "text"]);
    }

    #[test]
    fn missing_content_is_an_error() {
        assert!(matches!(content(&Document::new("a")), Err(DecodeError::NoContent)));
        let missing = content(&Document::new("a").with_text("no/such/file.jpg")).unwrap_err();
        assert!(missing.to_string().starts_with("cannot read no/such/file.jpg: "), "{missing}");
    }
}
