//! Merges a stored document with one of a request, field by field.

use std::sync::Arc;

use flowrun_sdk::{Document, Tags};

/// Fills the fields of `document` that are unset (equal to their default) from `stored`.
pub(crate) fn fill_unset_fields(document: &mut Document, stored: Document) {
    fn fill<T: Default + PartialEq>(field: &mut T, stored: T) {
        if *field == T::default() {
            *field = stored;
        }
    }
    fill(&mut document.parent_id, stored.parent_id);
    fill(&mut document.granularity, stored.granularity);
    fill(&mut document.weight, stored.weight);
    fill(&mut document.mime_type, stored.mime_type);
    fill(&mut document.uri, stored.uri);
    fill(&mut document.text, stored.text);
    fill(&mut document.blob, stored.blob);
    fill(&mut document.tensor, stored.tensor);
    fill(&mut document.embedding, stored.embedding);
    fill(&mut document.tags, stored.tags);
    fill(&mut document.scores, stored.scores);
    fill(&mut document.location, stored.location);
    fill(&mut document.offset, stored.offset);
    fill(&mut document.modality, stored.modality);
    fill(&mut document.chunks, stored.chunks);
    fill(&mut document.matches, stored.matches);
}

/// The stored document after a partial update: tags are replaced one by one, other fields as a whole, and fields that
/// `update` leaves unset are unchanged.
pub(crate) fn apply_partial_update(stored: Document, update: &Document) -> Document {
    let mut document = update.clone();
    if !update.tags.is_empty() {
        let mut tags = Tags::clone(&stored.tags);
        tags.extend(update.tags.iter().map(|(name, tag)| (name.clone(), tag.clone())));
        document.tags = Arc::new(tags);
    }
    fill_unset_fields(&mut document, stored);
    document
}
