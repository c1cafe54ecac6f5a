//! Documents as JSON, in the form of Jina's HTTP gateway: bytes in base64, arrays as nested lists.
//!
//! Keys are written in snake case, and accepted in snake case or camel case. Unset fields are omitted. Unknown keys are
//! kept as tags, at every depth.

mod read;
mod write;

pub use read::JsonError;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use crate::{DataType, Document, NamedScore, Tensor};

    #[test]
    fn a_document_survives_a_round_trip() {
        let mut document = Document::new("a").with_text("t").with_blob(&b"\x00\xff"[..]).with_tag("n", 3);
        document.tensor = Some(Tensor::from_f32(vec![2, 1, 2], vec![0.1, 1.0, -2.5, 1e-7]).unwrap());
        document.scores.insert("cosine".to_owned(), NamedScore::new(0.1, "VectorIndexer"));
        document.docarray_mut().evaluations.insert("recall".to_owned(), NamedScore::new(10.0, ""));
        document.docarray_mut().metadata = json!({"title": {"position": 0}}).as_object().unwrap().clone();
        document.location = vec![0.1];
        document.chunks = [document.new_chunk(0)].into_iter().collect();
        assert_eq!(Document::from_json(&serde_json::to_value(&document).unwrap()).unwrap(), document);
    }

    proptest! {
        #[test]
        fn numbers_keep_all_digits(bits: u64, element: u32) {
            let (number, element) = (f64::from_bits(bits), f32::from_bits(element));
            prop_assume!(number.is_finite() && element.is_finite());
            let mut document = Document::new("a").with_tag("n", number);
            document.embedding = Some(Tensor::from_f32(vec![1], vec![element]).unwrap());
            let text = serde_json::to_string(&document).unwrap();
            let read = Document::from_json(&serde_json::from_str(&text).unwrap()).unwrap();
            // Equal as text too, because zero has a sign.
            prop_assert_eq!((&read, serde_json::to_string(&read).unwrap()), (&document, text));
        }
    }

    #[test]
    fn arrays_are_nested_lists() {
        let array = |tensor: Tensor| {
            let document = Document { tensor: Some(tensor), ..Document::default() };
            serde_json::to_string(&document).unwrap()
        };
        let floats = Tensor::from_f32(vec![2, 2], vec![0.1, 1.0, f32::NAN, -3.5]).unwrap();
        assert_eq!(array(floats), r#"{"tensor":[[0.1,1.0],[null,-3.5]]}"#);
        assert_eq!(
            array(Tensor::from_u8(vec![3, 1], vec![1, 2, 255]).unwrap()),
            r#"{"tensor":[[1],[2],[255]]}"#
        );
        assert_eq!(array(Tensor::from_u8(vec![2, 0], vec![]).unwrap()), r#"{"tensor":[[],[]]}"#);
        let number = Tensor::new(DataType::INT32, vec![], vec![7, 0, 0, 0].into()).unwrap();
        assert_eq!(array(number), r#"{"tensor":7}"#);
    }

    #[test]
    fn camel_case_is_accepted_and_null_is_unset() {
        let value =
            json!({"mimeType": "image/gif", "parent_id": "p", "text": null, "unknown": [1], "weight": 1});
        let document = Document::from_json(&value).unwrap();
        assert_eq!((document.mime_type.as_str(), document.parent_id.as_str()), ("image/gif", "p"));
        assert_eq!((document.text, document.weight), (None, Some(1.0)));
    }

    #[test]
    fn unknown_keys_are_kept_as_tags_at_every_depth() {
        let value = json!({"id": "b", "txt": "kept", "embeding": [1, 2], "tags": {"a": 1},
            "chunks": [{"id": "c", "title": "hello", "price": 3, "none": null}], "evaluations": {}});
        let document = Document::from_json(&value).unwrap();
        let expected = json!({"a": 1, "txt": "kept", "embeding": [1, 2]});
        assert_eq!(serde_json::to_value(&*document.tags).unwrap(), expected);
        let chunk = serde_json::to_value(&*document.chunks[0].tags).unwrap();
        assert_eq!(chunk, json!({"title": "hello", "price": 3}));
    }

    #[test]
    fn chunks_without_a_parent_id_get_the_one_of_their_parent() {
        // The id follows the chunks that need it.
        let value = json!({"chunks": [{"id": "b", "chunks": [{"id": "c"}]}, {"id": "d", "parentId": "e"}],
            "matches": [{"id": "f"}], "id": "a"});
        let document = Document::from_json(&value).unwrap();
        let parents: Vec<&str> = document.chunks.iter().map(|chunk| chunk.parent_id.as_str()).collect();
        assert_eq!((parents, document.chunks[0].chunks[0].parent_id.as_str()), (vec!["a", "e"], "b"));
        assert_eq!(document.matches[0].parent_id, "");
        assert_eq!(Document::from_json(&serde_json::to_value(&document).unwrap()).unwrap(), document);
    }

    #[test]
    fn errors_name_the_field_of_the_wrong_type() {
        for (value, message) in [
            (json!({"text": 1}), "`text` must be a text"),
            (json!({"tensor": [[1], [1, 2]]}), "`tensor` must be an array of numbers"),
            (json!({"blob": "*"}), "`blob` must be bytes in base64"),
            (json!({"chunks": [{"id": 2}]}), "`id` must be a text"),
            (json!({"evaluations": []}), "`evaluations` must be an object"),
            (json!([]), "`document` must be an object"),
            (
                json!({"a": 1, "tags": {"a": 2}}),
                "`a` must be a key of the document or one of its tags, not both",
            ),
        ] {
            assert_eq!(Document::from_json(&value).unwrap_err().to_string(), message);
        }
    }
}
