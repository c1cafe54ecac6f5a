//! Selection of the fields of a document that are stored.

use std::sync::Arc;

use flowrun_sdk::{BuildError, Document, Documents, SIBLINGS_TAG, Tags};

flowrun_sdk::choice! {
    /// A field that can be excluded from storage.
    pub enum ExcludableField {
        /// Content as an array.
        Tensor = "tensor",
        /// The vector. A vector indexer stores it in the vector file.
        Embedding = "embedding",
        /// Parts of the document.
        Chunks = "chunks",
        /// Search results.
        Matches = "matches",
        /// Content as bytes.
        Blob = "blob",
        /// Content as text.
        Text = "text",
        /// Location of the content.
        Uri = "uri",
        /// Metadata of the user, by name.
        Tags = "tags",
    }
}

/// Fields that are excluded by default: they are large, stored elsewhere, or documents of their own.
pub(crate) fn default_exclude() -> Vec<ExcludableField> {
    vec![
        ExcludableField::Tensor,
        ExcludableField::Embedding,
        ExcludableField::Chunks,
        ExcludableField::Matches,
    ]
}

/// Fields of a document that are stored.
#[derive(Clone, Debug)]
pub(crate) enum StoredFields {
    /// All fields except these.
    AllExcept(Vec<ExcludableField>),
    /// A reference to a document stored elsewhere: its id, parent and granularity, and the tag `siblings` (the number of
    /// its siblings), which rankers of chunks need.
    Reference,
}

impl StoredFields {
    /// Checks that the tag named by the parameter `expires`, if it is set, is stored.
    ///
    /// # Errors
    /// When the name is empty, or tags are excluded.
    pub(crate) fn check_expires(&self, tag: Option<&str>) -> Result<(), BuildError> {
        match (tag, self) {
            (Some(""), _) => Err(BuildError::parameter("expires", "must name a tag")),
            (Some(_), Self::AllExcept(fields)) if fields.contains(&ExcludableField::Tags) => {
                Err(BuildError::parameter(
                    "expires",
                    "is a tag, but tags are not stored: remove `tags` from `exclude`",
                ))
            }
            _ => Ok(()),
        }
    }

    /// A copy of the document with the stored fields only. Payloads are shared with the original, so the copy is cheap.
    pub(crate) fn project(&self, document: &Document) -> Document {
        match self {
            Self::AllExcept(fields) => {
                let mut stored = document.clone();
                fields.iter().for_each(|field| clear(*field, &mut stored));
                stored
            }
            Self::Reference => {
                let siblings =
                    document.tags.get(SIBLINGS_TAG).map(|count| (SIBLINGS_TAG.to_owned(), count.clone()));
                Document {
                    id: document.id.clone(),
                    parent_id: document.parent_id.clone(),
                    granularity: document.granularity,
                    tags: Arc::new(siblings.into_iter().collect::<Tags>()),
                    ..Document::default()
                }
            }
        }
    }
}

fn clear(field: ExcludableField, document: &mut Document) {
    match field {
        ExcludableField::Tensor => document.tensor = None,
        ExcludableField::Embedding => document.embedding = None,
        ExcludableField::Chunks => document.chunks = Documents::new(),
        ExcludableField::Matches => document.matches = Documents::new(),
        ExcludableField::Blob => document.blob = None,
        ExcludableField::Text => document.text = None,
        ExcludableField::Uri => document.uri = String::new(),
        ExcludableField::Tags => document.tags = Arc::default(),
    }
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::Tensor;

    use super::*;

    fn full() -> Document {
        let mut document =
            Document::new("a#1").with_text("t").with_uri("u").with_blob(vec![1]).with_embedding(vec![1.0]);
        document.parent_id = "a".to_owned();
        document.granularity = 1;
        document.tensor = Tensor::from_u8(vec![1], vec![1]).ok();
        document.chunks = [document.new_chunk(0)].into_iter().collect();
        document.matches = [Document::new("m")].into_iter().collect();
        document.with_tag("siblings", 3).with_tag("title", "x")
    }

    #[test]
    fn content_is_stored_by_default_without_embedding_and_nested_documents() {
        let stored = StoredFields::AllExcept(default_exclude()).project(&full());
        let expected = Document {
            tensor: None,
            embedding: None,
            chunks: Documents::new(),
            matches: Documents::new(),
            ..full()
        };
        assert_eq!(stored, expected);
        assert_eq!(StoredFields::AllExcept(vec![]).project(&full()), full());
    }

    #[test]
    fn every_field_can_be_excluded() {
        use ExcludableField::{Blob, Chunks, Embedding, Matches, Tags, Tensor, Text, Uri};
        let stored = StoredFields::AllExcept(vec![Tensor, Embedding, Chunks, Matches, Blob, Text, Uri, Tags])
            .project(&full());
        let bare = Document { parent_id: "a".to_owned(), granularity: 1, ..Document::new("a#1") };
        assert_eq!(stored, bare);
    }

    #[test]
    fn a_reference_has_id_parent_and_siblings() {
        let expected = Document { parent_id: "a".to_owned(), granularity: 1, ..Document::new("a#1") };
        assert_eq!(StoredFields::Reference.project(&full()), expected.with_tag("siblings", 3));
    }
}
