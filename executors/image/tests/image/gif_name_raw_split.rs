//! `GifNameRawSplit` splits path and bytes that were sent as one.

use flowrun_sdk::{Document, Value};
use proptest::prelude::*;

use crate::fixtures::{bytes, run};

fn split(document: Document) -> Result<Document, String> {
    run("GifNameRawSplit", &Value::Null, document)
}

#[test]
fn path_and_bytes_become_uri_and_content() {
    let clip = bytes("keep.gif");
    let document =
        split(Document::new("a").with_blob([b"clips/a.gif", &b"JINA_DELIM"[..], &clip].concat())).unwrap();
    assert_eq!((document.uri.as_str(), document.mime_type.as_str()), ("clips/a.gif", "image/gif"));
    assert_eq!(document.blob.unwrap(), clip);
}

#[test]
fn text_is_split_like_bytes() {
    let document = split(Document::new("a").with_text("p\u{e4}th.gifJINA_DELIMGIF89a")).unwrap();
    assert_eq!((document.uri.as_str(), document.text), ("p\u{e4}th.gif", None));
    assert_eq!(document.blob.unwrap(), "GIF89a");
}

#[test]
fn documents_without_the_delimiter_pass_unchanged() {
    for document in [
        Document::new("a").with_uri("clips/a.gif"),
        Document::new("a").with_blob(bytes("keep.gif")).with_uri("x"),
        Document::new("a").with_text("a sentence"),
    ] {
        assert_eq!(split(document.clone()).unwrap(), document);
    }
}

proptest! {
    #[test]
    fn splitting_inverts_joining(path in "[a-z/._]{0,20}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assume!(!bytes.windows(10).any(|window| window == b"JINA_DELIM"));
        let joined = [path.as_bytes(), b"JINA_DELIM", &bytes].concat();
        let document = split(Document::new("a").with_blob(joined)).unwrap();
        prop_assert_eq!(document.uri, path);
        prop_assert_eq!(&document.blob.unwrap()[..], &bytes[..]);
    }
}

#[test]
fn ambiguous_content_and_invalid_paths_fail() {
    let two = split(Document::new("a").with_blob(&b"aJINA_DELIMbJINA_DELIMc"[..])).unwrap_err();
    assert_eq!(two, "there is more than one `JINA_DELIM` between path and bytes");
    let path = split(Document::new("a").with_blob(&b"\xffJINA_DELIMb"[..])).unwrap_err();
    assert_eq!(path, "the path before `JINA_DELIM` is not UTF-8");
}
