//! What of a document is stored.

use std::sync::Arc;

use flowrun_sdk::{BuildError, Document, Documents, SIBLINGS_TAG, Tags};

flowrun_sdk::choice! {
    /// A field of a document that need not be stored.
    pub enum StoredField {
        /// The content as an array.
        Tensor = "tensor",
        /// The vector. An index keeps it elsewhere.
        Embedding = "embedding",
        /// The parts.
        Chunks = "chunks",
        /// What was found for it.
        Matches = "matches",
        /// The content as bytes.
        Blob = "blob",
        /// The content as text.
        Text = "text",
        /// Where the content is.
        Uri = "uri",
        /// The user's names and values.
        Tags = "tags",
    }
}

/// The fields that are left out unless the user says otherwise: large, kept elsewhere, or documents of their own.
pub(crate) fn default_exclude() -> Vec<StoredField> {
    vec![StoredField::Tensor, StoredField::Embedding, StoredField::Chunks, StoredField::Matches]
}

/// What of a document is stored.
#[derive(Clone, Debug)]
pub(crate) enum Kept {
    /// Everything but these fields.
    AllBut(Vec<StoredField>),
    /// What refers to a document stored elsewhere: its id, its parent, and how many siblings it has (the tag
    /// `siblings`), which rankers of chunks need.
    Reference,
}

impl Kept {
    /// Whether the tag that says until when a document is kept is stored.
    ///
    /// # Errors
    /// When it is not.
    pub(crate) fn check_expires(&self, tag: Option<&str>) -> Result<(), BuildError> {
        match (tag, self) {
            (Some(""), _) => Err(BuildError::parameter("expires", "must name a tag")),
            (Some(_), Self::AllBut(fields)) if fields.contains(&StoredField::Tags) => {
                Err(BuildError::parameter(
                    "expires",
                    "is a tag, and no tags are stored: take `tags` out of `exclude`",
                ))
            }
            _ => Ok(()),
        }
    }

    /// The document as it is stored. Cheap: payloads are shared.
    pub(crate) fn of(&self, document: &Document) -> Document {
        match self {
            Self::AllBut(fields) => {
                let mut kept = document.clone();
                fields.iter().for_each(|field| clear(*field, &mut kept));
                kept
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

fn clear(field: StoredField, document: &mut Document) {
    match field {
        StoredField::Tensor => document.tensor = None,
        StoredField::Embedding => document.embedding = None,
        StoredField::Chunks => document.chunks = Documents::new(),
        StoredField::Matches => document.matches = Documents::new(),
        StoredField::Blob => document.blob = None,
        StoredField::Text => document.text = None,
        StoredField::Uri => document.uri = String::new(),
        StoredField::Tags => document.tags = Arc::default(),
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
    fn by_default_content_stays_and_what_is_kept_elsewhere_goes() {
        let kept = Kept::AllBut(default_exclude()).of(&full());
        let expected = Document {
            tensor: None,
            embedding: None,
            chunks: Documents::new(),
            matches: Documents::new(),
            ..full()
        };
        assert_eq!(kept, expected);
        assert_eq!(Kept::AllBut(vec![]).of(&full()), full());
    }

    #[test]
    fn every_field_can_be_left_out() {
        use StoredField::{Blob, Chunks, Embedding, Matches, Tags, Tensor, Text, Uri};
        let kept = Kept::AllBut(vec![Tensor, Embedding, Chunks, Matches, Blob, Text, Uri, Tags]).of(&full());
        let bare = Document { parent_id: "a".to_owned(), granularity: 1, ..Document::new("a#1") };
        assert_eq!(kept, bare);
    }

    #[test]
    fn a_reference_leads_to_the_document_and_its_parent() {
        let expected = Document { parent_id: "a".to_owned(), granularity: 1, ..Document::new("a#1") };
        assert_eq!(Kept::Reference.of(&full()), expected.with_tag("siblings", 3));
    }
}
