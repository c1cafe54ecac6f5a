//! Fields of a document that can be cleared.
//!
//! Identity and position in the tree (`id`, `parent_id`, `granularity`, `adjacency`) cannot be cleared.

use std::sync::Arc;

use flowrun_sdk::{Document, Documents, Tags};

flowrun_sdk::choice! {
    /// A field of a document.
    pub(crate) enum DocumentField {
        /// Vector of the content, set by an encoder.
        Embedding = "embedding",
        /// Content as an array.
        Tensor = "tensor",
        /// Content as bytes.
        Blob = "blob",
        /// Content as text.
        Text = "text",
        /// Parts of the document.
        Chunks = "chunks",
        /// Search results.
        Matches = "matches",
        /// Metadata of the user, by name.
        Tags = "tags",
        /// Location of the content.
        Uri = "uri",
        /// Media type of the content.
        MimeType = "mime_type",
        /// Distances, similarities, relevance.
        Scores = "scores",
        /// Weight of the document among its siblings.
        Weight = "weight",
        /// Position in the parent, along several axes.
        Location = "location",
        /// Position in the parent, along one axis.
        Offset = "offset",
        /// Kind of content.
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

    /// Resets the field to its unset value.
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
    fn all_contains_every_choice() {
        let ParameterKind::Choice(choices) = DocumentField::KIND else { panic!("{}", DocumentField::KIND) };
        assert_eq!(DocumentField::ALL.map(DocumentField::name), *choices);
    }
}
