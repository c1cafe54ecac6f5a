//! The fields of a document that an executor can be told to clear or to keep.
//!
//! Not among them: what names a document and places it in its tree (`id`, `parent_id`, `granularity`, `adjacency`).

use std::sync::Arc;

use flowrun_sdk::{Document, Documents, Tags};

flowrun_sdk::choice! {
    /// A field of a document.
    pub(crate) enum DocumentField {
        /// What an encoder made of the content.
        Embedding = "embedding",
        /// Content as an array.
        Tensor = "tensor",
        /// Content as bytes.
        Blob = "blob",
        /// Content as text.
        Text = "text",
        /// The parts.
        Chunks = "chunks",
        /// What a search found.
        Matches = "matches",
        /// Names and values of the user's own.
        Tags = "tags",
        /// Where the content is.
        Uri = "uri",
        /// Media type of the content.
        MimeType = "mime_type",
        /// Distances, similarities, relevance.
        Scores = "scores",
        /// How much the document counts among its siblings.
        Weight = "weight",
        /// Position in the parent, along several axes.
        Location = "location",
        /// Position in the parent, along one axis.
        Offset = "offset",
        /// Which kind of content this is.
        Modality = "modality",
    }
}

impl DocumentField {
    /// Every field, in the order of declaration.
    pub(crate) const ALL: [Self; 14] = [
        Self::Embedding,
        Self::Tensor,
        Self::Blob,
        Self::Text,
        Self::Chunks,
        Self::Matches,
        Self::Tags,
        Self::Uri,
        Self::MimeType,
        Self::Scores,
        Self::Weight,
        Self::Location,
        Self::Offset,
        Self::Modality,
    ];

    /// Makes the field of `document` as if it had never been set.
    pub(crate) fn clear(self, document: &mut Document) {
        match self {
            Self::Embedding => document.embedding = None,
            Self::Tensor => document.tensor = None,
            Self::Blob => document.blob = None,
            Self::Text => document.text = None,
            Self::Chunks => document.chunks = Documents::new(),
            Self::Matches => document.matches = Documents::new(),
            Self::Tags => document.tags = Arc::new(Tags::new()),
            Self::Uri => document.uri.clear(),
            Self::MimeType => document.mime_type.clear(),
            Self::Scores => document.scores.clear(),
            Self::Weight => document.weight = None,
            Self::Location => document.location.clear(),
            Self::Offset => document.offset = None,
            Self::Modality => document.modality.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::{Parameter as _, ParameterKind};

    use super::*;

    #[test]
    fn every_field_that_can_be_named_is_among_all() {
        let ParameterKind::Choice(named) = DocumentField::KIND else { panic!("{}", DocumentField::KIND) };
        assert_eq!(DocumentField::ALL.map(DocumentField::name), *named);
    }
}
