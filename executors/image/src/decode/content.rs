//! Where a document keeps its image.

use flowrun_sdk::guard::{self, CONTENT_BYTES_MAX};
use flowrun_sdk::{Bytes, Document};

use super::DecodeError;

/// The encoded image of a document: its bytes, else what its URI leads to, else the file that its text names, which
/// is how clients of Jina 0.x send a path.
///
/// # Errors
/// [`DecodeError::NoContent`] or [`DecodeError::Content`].
pub fn content(document: &Document) -> Result<Bytes, DecodeError> {
    match (&document.blob, document.uri.as_str(), document.text.as_deref()) {
        (Some(blob), _, _) => Ok(blob.clone()),
        (None, "", None) => Err(DecodeError::NoContent),
        (None, "", Some(path)) => Ok(guard::read_uri(path.trim(), CONTENT_BYTES_MAX)?),
        (None, uri, _) => Ok(guard::read_uri(uri, CONTENT_BYTES_MAX)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_before_the_uri_and_the_uri_before_the_text() {
        let text = Document::new("a").with_text("data:,text\n");
        let uri = text.clone().with_uri("data:,uri");
        let blob = uri.clone().with_blob(&b"blob"[..]);
        let contents = [blob, uri, text].map(|document| content(&document).unwrap());
        assert_eq!(contents, ["blob", "uri", "text"]);
    }

    #[test]
    fn a_document_without_content_is_told_so() {
        assert!(matches!(content(&Document::new("a")), Err(DecodeError::NoContent)));
        let missing = content(&Document::new("a").with_text("no/such/file.jpg")).unwrap_err();
        assert!(missing.to_string().starts_with("cannot read no/such/file.jpg: "), "{missing}");
    }
}
