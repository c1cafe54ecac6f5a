//! The report of a search that has dropped conditions of a document's filter, in a tag of the document.
//!
//! A document may bring a list of conditions, which an index drops in a fixed sequence until one of its documents matches. Shards
//! do that independently: the host keeps the matches of the shards that dropped least.

use serde_json::{Value, json};

use crate::{Document, Tags};

/// Tag of a searched document whose filter matched nothing until conditions were dropped: a mapping with `step`, the number of
/// filters in the sequence that matched nothing, and `without`, the dropped conditions.
pub const RELAXED_TAG: &str = "relaxed";

const STEP: &str = "step";

/// Number of filters that matched nothing before the one that applies; 0 if no condition was dropped.
pub fn relaxation_step(tags: &Tags) -> u64 {
    tags.get(RELAXED_TAG).and_then(|relaxed| relaxed.get(STEP)).and_then(Value::as_f64).map_or(0, whole)
}

/// Reports which conditions were dropped, or removes the report of an earlier search at step 0.
pub fn set_relaxation(document: &mut Document, step: usize, without: Vec<Value>) {
    if step > 0 {
        document.tags_mut().insert(RELAXED_TAG.to_owned(), json!({STEP: step, "without": without}));
    } else if document.tags.contains_key(RELAXED_TAG) {
        document.tags_mut().remove(RELAXED_TAG);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and numbers are non-negative"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_as_it_was_written_and_removed_at_step_zero() {
        let mut document = Document::new("a");
        assert_eq!(relaxation_step(&document.tags), 0);
        set_relaxation(&mut document, 3, vec!["red == 1".into()]);
        assert_eq!(relaxation_step(&document.tags), 3);
        assert_eq!(document.tags[RELAXED_TAG]["without"], json!(["red == 1"]));
        set_relaxation(&mut document, 0, Vec::new());
        assert!(document.tags.is_empty());
        let foreign = Document::new("b").with_tag(RELAXED_TAG, "yes");
        assert_eq!(relaxation_step(&foreign.tags), 0);
    }
}
