//! Media type of a URI, without reading the content.

/// Media type of a URI: that of a `data:` URI (RFC 2397), otherwise by the file extension; `None` when it is unknown or
/// malformed.
pub(crate) fn media_type_of_uri(uri: &str) -> Option<String> {
    match uri.strip_prefix("data:") {
        Some(data) => media_type_of_data(data),
        None => mime_guess::from_path(uri).first_raw().map(str::to_owned),
    }
}

/// Media type of a `data:` URI: the text before the first `;` or `,`; `text/plain` when it is empty (RFC 2397).
fn media_type_of_data(data: &str) -> Option<String> {
    let (media_type, _) = data.split_once([';', ','])?;
    if media_type.is_empty() {
        return Some("text/plain".to_owned());
    }
    let is_token = |part: &str| !part.is_empty() && part.bytes().all(is_token_byte);
    let (kind, subtype) = media_type.split_once('/')?;
    (is_token(kind) && is_token(subtype)).then(|| media_type.to_ascii_lowercase())
}

/// True if a byte may occur in the name of a media type (restricted names, RFC 6838, 4.2).
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_determines_the_media_type() {
        for (uri, media_type) in [
            ("clips/a.gif", Some("image/gif")),
            ("file:///a%20b.JPG", Some("image/jpeg")),
            ("notes.txt", Some("text/plain")),
            ("a.gif/b", None),
            ("a", None),
            ("", None),
        ] {
            assert_eq!(media_type_of_uri(uri).as_deref(), media_type, "{uri}");
        }
    }

    #[test]
    fn data_uris_state_their_media_type() {
        for (uri, media_type) in [
            ("data:Image/PNG;base64,AA==", Some("image/png")),
            ("data:image/svg+xml,<a>", Some("image/svg+xml")),
            ("data:,a.gif", Some("text/plain")),
            ("data:;charset=utf-8,a", Some("text/plain")),
            ("data:image,a", None),
            ("data:a b/c,d", None),
            ("data:/c,d", None),
            ("data:image/gif", None),
        ] {
            assert_eq!(media_type_of_uri(uri).as_deref(), media_type, "{uri}");
        }
    }
}
