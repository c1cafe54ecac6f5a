//! Merging the results of shards that dropped conditions of a document's filter because nothing matched it.

use std::cmp::Ordering;

use flowrun_sdk::filter::{RELAXED_TAG, relaxation_step};
use flowrun_sdk::{Document, Documents};

/// Drops the matches of the shard that has dropped more conditions of the document's filter, and its report of that.
pub(super) fn keep_least_relaxed(left: &mut Document, right: &mut Document) {
    let (strict, relaxed) = match relaxation_step(&left.tags).cmp(&relaxation_step(&right.tags)) {
        Ordering::Less => (left, right),
        Ordering::Equal => return,
        Ordering::Greater => (right, left),
    };
    relaxed.matches = Documents::new();
    relaxed.tags_mut().remove(RELAXED_TAG);
    if let Some(report) = strict.tags.get(RELAXED_TAG) {
        relaxed.tags_mut().insert(RELAXED_TAG.to_owned(), report.clone());
    }
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::filter::set_relaxation;
    use flowrun_sdk::{Order, Value};

    use super::super::content::Content;
    use super::super::merge::{MatchPolicy, MergePolicy, merge};
    use super::*;

    #[test]
    fn the_matches_of_the_shards_that_dropped_least_conditions_remain() {
        let matches = Some(MatchPolicy { order: Order::Ascending, top_k: 3 });
        let policy = MergePolicy { matches, ..MergePolicy::default() };
        let part = |step: usize, matches: &[&str]| {
            let mut document = Document::new("q").with_tag("own", 1);
            set_relaxation(&mut document, step, vec![Value::from(step)]);
            document.matches = matches.iter().map(|id| Document::new(*id)).collect();
            Content::new([document].into_iter().collect())
        };
        let merged = |parts: Vec<&Content>| {
            let merged = merge(parts.into_iter().cloned().collect(), policy).documents[0].clone();
            let ids: String = merged.matches.iter().map(|found| found.id.as_str()).collect();
            (ids, relaxation_step(&merged.tags), merged.tags.len())
        };
        let shards = [part(2, &["a", "b"]), part(1, &["c"]), part(1, &["d"]), part(4, &[]), part(2, &["e"])];
        for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [1, 0, 3, 2, 4]] {
            assert_eq!(
                merged(order.map(|number| &shards[number]).to_vec()),
                ("cd".to_owned(), 1, 2),
                "{order:?}"
            );
        }
        assert_eq!(merged(vec![&shards[0], &part(0, &["f"])]), ("f".to_owned(), 0, 1));
    }
}
