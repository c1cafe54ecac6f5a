//! The media type that a URI tells, without a look at the content.

/// The media type of what `uri` leads to: what a `data:` URI says (RFC 2397), else what the ending of the path means.
pub(crate) fn of_uri(uri: &str) -> Option<String> {
    match uri.strip_prefix("data:") {
        Some(data) => of_data(data),
        None => mime_guess::from_path(uri).first_raw().map(str::to_owned),
    }
}

/// What stands before the first `;` or `,`; text when nothing does, as the RFC has it.
fn of_data(data: &str) -> Option<String> {
    let (media_type, _) = data.split_once([';', ','])?;
    if media_type.is_empty() {
        return Some("text/plain".to_owned());
    }
    let is_token = |part: &str| !part.is_empty() && part.bytes().all(is_token_byte);
    let (kind, subtype) = media_type.split_once('/')?;
    (is_token(kind) && is_token(subtype)).then(|| media_type.to_ascii_lowercase())
}

/// The bytes of a restricted name (RFC 6838, 4.2), of which media types are made.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_of_a_path_tells_the_media_type() {
        for (uri, media_type) in [
            ("clips/a.gif", Some("image/gif")),
            ("file:///a%20b.JPG", Some("image/jpeg")),
            ("notes.txt", Some("text/plain")),
            ("a.gif/b", None),
            ("a", None),
            ("", None),
        ] {
            assert_eq!(of_uri(uri).as_deref(), media_type, "{uri}");
        }
    }

    #[test]
    fn a_data_uri_says_its_media_type_itself() {
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
            assert_eq!(of_uri(uri).as_deref(), media_type, "{uri}");
        }
    }
}
