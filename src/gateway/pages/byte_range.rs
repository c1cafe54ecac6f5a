//! Range requests (RFC 9110, 14): players read parts of a clip to seek in it.
//!
//! One range of bytes is supported. A request with several gets the whole content, as the standard allows.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// Result of reading the header `Range`.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// All bytes: there is no range, or it has a form that is not supported.
    Whole,
    /// The bytes from the first to the last, inclusive.
    Bytes(usize, usize),
    /// No byte of the content.
    Outside,
}

/// The response with the content or the part of it that `request` names. `tag` is the entity tag of the content.
pub(super) fn part_response(request: &HeaderMap, content: Bytes, tag: HeaderValue) -> Response {
    let condition = request.get(header::IF_RANGE);
    let range = request.get(header::RANGE).filter(|_| condition.is_none_or(|condition| *condition == tag));
    let length = content.len();
    let mut response = match range.map_or(Part::Whole, |range| part(range, length)) {
        Part::Whole => content.into_response(),
        Part::Bytes(first, last) => {
            let position = format!("bytes {first}-{last}/{length}");
            let part = content.slice(first..=last);
            (StatusCode::PARTIAL_CONTENT, [(header::CONTENT_RANGE, position)], part).into_response()
        }
        Part::Outside => {
            let position = [(header::CONTENT_RANGE, format!("bytes */{length}"))];
            (StatusCode::RANGE_NOT_SATISFIABLE, position).into_response()
        }
    };
    let bytes = (header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    response.headers_mut().extend([bytes, (header::ETAG, tag)]);
    response
}

/// The part of `length` bytes that the value of a header `Range` names.
fn part(range: &HeaderValue, length: usize) -> Part {
    let number = |text: &str| -> Option<usize> {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
    };
    let text = range.to_str().unwrap_or_default();
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|text| text.split_once('-')) else {
        return Part::Whole;
    };
    let part = match (number(first.trim()), number(last.trim())) {
        (None, Some(suffix)) if first.trim().is_empty() => (length.saturating_sub(suffix), length),
        (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1)),
        (Some(first), None) if last.trim().is_empty() => (first, length),
        _ => return Part::Whole,
    };
    let (first, end) = (part.0, part.1.min(length));
    if first < end { Part::Bytes(first, end - 1) } else { Part::Outside }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_read_and_other_forms_are_ignored() {
        for (range, expected) in [
            ("bytes=0-", Part::Bytes(0, 9)),
            ("bytes=0-1", Part::Bytes(0, 1)),
            ("bytes=9-9", Part::Bytes(9, 9)),
            ("bytes=4-400", Part::Bytes(4, 9)),
            ("bytes=4-18446744073709551615", Part::Bytes(4, 9)),
            ("bytes=-3", Part::Bytes(7, 9)),
            ("bytes=-30", Part::Bytes(0, 9)),
            ("bytes=10-", Part::Outside),
            ("bytes=-0", Part::Outside),
            ("bytes=3-2", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=a-1", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes=99999999999999999999-", Part::Whole),
            ("lines=0-1", Part::Whole),
            ("", Part::Whole),
        ] {
            assert_eq!(part(&HeaderValue::from_static(range), 10), expected, "{range}");
        }
        assert_eq!(part(&HeaderValue::from_static("bytes=0-"), 0), Part::Outside);
    }

    #[test]
    fn a_part_is_sent_only_if_the_content_is_still_the_same() {
        let respond = |condition: Option<&'static str>| {
            let mut request = HeaderMap::new();
            request.insert(header::RANGE, HeaderValue::from_static("bytes=2-3"));
            request.extend(condition.map(|tag| (header::IF_RANGE, HeaderValue::from_static(tag))));
            let tag = HeaderValue::from_static("\"1\"");
            part_response(&request, Bytes::from_static(b"0123456789"), tag)
        };
        let part = respond(None);
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(part.headers()["content-range"], "bytes 2-3/10");
        assert_eq!(respond(Some("\"1\"")).status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(respond(Some("\"2\"")).status(), StatusCode::OK);
    }
}
