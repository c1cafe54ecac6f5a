//! How several parts of a request become one: the law of joins and of shards.
//!
//! Documents of the same id are one. A field that the earlier part leaves unset is filled from the later one; chunks,
//! matches and scores are merged by id and by name; documents that only one part has are added. Matches that were
//! searched in several shards are merged by their scores and cut to what was asked for.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use flowrun_sdk::{Document, Documents, Order, Tensor};

use super::content::Content;
use crate::spec::Join;

/// How the matches of the parts are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Matches {
    /// Which scores come first.
    pub(super) order: Order,
    /// How many are kept for a document.
    pub(super) top_k: usize,
}

/// How parts are merged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Law {
    /// What becomes of two embeddings of the same document.
    pub(super) join: Join,
    /// How matches are merged; by id, in the order of the parts, when `None`.
    pub(super) matches: Option<Matches>,
}

/// Makes one part of several, in their order. An error in one is an error of all.
pub(super) fn merge(mut parts: Vec<Content>, law: Law) -> Content {
    drop_failed(&mut parts);
    let mut parts = parts.into_iter();
    let mut merged = parts.next().unwrap_or_default();
    if law.join != Join::Append {
        merged.origins.clear();
    }
    for part in parts {
        if law.join == Join::Append {
            merged.origins.extend(part.origins);
        }
        if merged.error.is_none() {
            merged.error = part.error;
        }
        merge_lists(&mut merged.documents, part.documents, law);
        merged.failures.extend(part.failures);
        merged.results.extend(part.results);
    }
    merged
}

/// The documents of several requests as a join in front of the flow would make them one.
pub(crate) fn merge_requests(requests: impl IntoIterator<Item = Documents>) -> Documents {
    let mut requests = requests.into_iter();
    let mut joined = requests.next().unwrap_or_default();
    requests.for_each(|documents| merge_lists(&mut joined, documents, Law::default()));
    joined
}

/// A document that failed in one part failed: the others go no further with it, and it is reported once. In its own
/// part the executor has dropped it already; what has the same id there is another document.
fn drop_failed(parts: &mut [Content]) {
    if parts.iter().all(|part| part.failures.is_empty()) {
        return;
    }
    let ids = |part: &Content| part.failures.iter().map(|failure| failure.failure.id.clone()).collect();
    let failed: Vec<HashSet<String>> = parts.iter().map(ids).collect();
    let failed_in = |parts: &[HashSet<String>], id: &str| parts.iter().any(|failed| failed.contains(id));
    for (position, part) in parts.iter_mut().enumerate() {
        let (before, after) = failed.split_at(position);
        let after = after.get(1..).unwrap_or_default();
        part.failures.retain(|failure| !failed_in(before, &failure.failure.id));
        let lost = |document: &Document| failed_in(before, &document.id) || failed_in(after, &document.id);
        part.retain(|document| !lost(document));
    }
}

/// Merges the documents of `right` into `left`.
fn merge_lists(left: &mut Documents, right: Documents, law: Law) {
    let same = law.join != Join::Append && std::ptr::eq(&raw const **left, &raw const *right);
    if right.is_empty() || same {
        return;
    }
    if left.is_empty() {
        *left = right;
        return;
    }
    let documents = left.make_mut();
    if law.join == Join::Append {
        documents.extend(right);
        return;
    }
    let mut positions: Option<HashMap<String, usize>> = None;
    for (position, document) in right.into_iter().enumerate() {
        // Parts of the same request mostly have the same documents in the same order.
        let beside = documents.get(position).is_some_and(|known| known.id == document.id).then_some(position);
        let known = beside.or_else(|| {
            let index = || documents.iter().enumerate().map(|(at, known)| (known.id.clone(), at)).collect();
            positions.get_or_insert_with(index).get(&document.id).copied()
        });
        match known.and_then(|position| documents.get_mut(position)) {
            Some(known) => merge_documents(known, document, law),
            None => documents.push(document),
        }
    }
}

/// Fills what `left` leaves unset from `right`, which is the same document.
fn merge_documents(left: &mut Document, right: Document, law: Law) {
    let unset = |text: &String| text.is_empty();
    let fill = |left: &mut String, right: String| {
        if unset(left) {
            *left = right;
        }
    };
    fill(&mut left.parent_id, right.parent_id);
    fill(&mut left.mime_type, right.mime_type);
    fill(&mut left.uri, right.uri);
    fill(&mut left.modality, right.modality);
    left.granularity = left.granularity.max(right.granularity);
    left.adjacency = left.adjacency.max(right.adjacency);
    left.weight = left.weight.or(right.weight);
    left.offset = left.offset.or(right.offset);
    left.text = left.text.take().or(right.text);
    left.blob = left.blob.take().or(right.blob);
    left.tensor = left.tensor.take().or(right.tensor);
    left.embedding = merge_embeddings(left.embedding.take(), right.embedding, law.join);
    if left.location.is_empty() {
        left.location = right.location;
    }
    if !Arc::ptr_eq(&left.tags, &right.tags) {
        for (name, value) in Arc::unwrap_or_clone(right.tags) {
            if !left.tags.contains_key(&name) {
                left.tags_mut().insert(name, value);
            }
        }
    }
    for (name, score) in right.scores {
        left.scores.entry(name).or_insert(score);
    }
    merge_lists(&mut left.chunks, right.chunks, law);
    match law.matches {
        Some(matches) => merge_matches(&mut left.matches, right.matches, matches),
        None => merge_lists(&mut left.matches, right.matches, law),
    }
}

fn merge_embeddings(left: Option<Tensor>, right: Option<Tensor>, join: Join) -> Option<Tensor> {
    if let (Some(left), Some(right), Join::ConcatenateEmbeddings) = (&left, &right, join)
        && let (Ok(first), Ok(second)) = (left.to_f32(), right.to_f32())
    {
        return Some(Tensor::vector([&*first, &*second].concat()));
    }
    left.or(right)
}

/// Merges two lists that are in order, keeps each id once, and cuts to top-k.
///
/// The order is by score, then by id: the order in which an executor lists what it finds, so that the answer of
/// several shards is that of one.
fn merge_matches(left: &mut Documents, right: Documents, law: Matches) {
    let matches = left.make_mut();
    matches.extend(right);
    matches.sort_by(|left, right| compare(left, right, law.order));
    let mut seen = HashSet::new();
    matches.retain(|document| seen.insert(document.id.clone()));
    matches.truncate(law.top_k);
}

/// Orders two matches; those without a score come last.
fn compare(left: &Document, right: &Document, order: Order) -> std::cmp::Ordering {
    let value = |document: &Document| document.score().map(|score| score.value);
    let scores = match (value(left), value(right)) {
        (Some(left), Some(right)) if order == Order::Ascending => left.total_cmp(&right),
        (Some(left), Some(right)) => right.total_cmp(&left),
        (left, right) => left.is_none().cmp(&right.is_none()),
    };
    scores.then_with(|| left.id.cmp(&right.id))
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::NamedScore;
    use proptest::prelude::*;

    use super::*;

    const BY_SCORE: Law =
        Law { join: Join::Merge, matches: Some(Matches { order: Order::Ascending, top_k: 3 }) };

    /// A document with an id of few, and of every kind of field set or unset.
    fn document(ids: &'static str) -> impl Strategy<Value = Document> {
        let id = ids.chars().map(String::from).collect::<Vec<_>>();
        let field = || proptest::option::of("[xy]");
        (proptest::sample::select(id), field(), field(), field(), proptest::option::of(0..4_u8)).prop_map(
            |(id, text, uri, tag, score)| {
                let mut document = Document::new(id);
                document.text = text.map(Into::into);
                document.uri = uri.unwrap_or_default();
                if let Some(tag) = tag {
                    document = document.with_tag(&tag, 1);
                }
                if let Some(score) = score {
                    document.scores.insert("score".to_owned(), NamedScore::new(f32::from(score), "test"));
                }
                document
            },
        )
    }

    /// Documents as a part has them: an id comes once.
    fn documents(ids: &'static str, inside: BoxedStrategy<Vec<Document>>) -> BoxedStrategy<Vec<Document>> {
        let one = (document(ids), inside).prop_map(|(mut document, found)| {
            document.matches = found.into_iter().collect();
            document
        });
        proptest::collection::vec(one, 0..4)
            .prop_map(|documents| {
                let mut seen = HashSet::new();
                documents.into_iter().filter(|document| seen.insert(document.id.clone())).collect()
            })
            .boxed()
    }

    /// What a shard answers: its matches are in order and have ids of their own.
    fn answer(ids: &'static str) -> impl Strategy<Value = Content> {
        let matches = documents(ids, Just(Vec::new()).boxed()).prop_map(|mut matches| {
            matches.sort_by(|left, right| compare(left, right, Order::Ascending));
            matches.truncate(3);
            matches
        });
        documents("abc", matches.boxed()).prop_map(|documents| Content::of(documents.into_iter().collect()))
    }

    fn part() -> impl Strategy<Value = Content> {
        documents("abcd", documents("pqrs", Just(Vec::new()).boxed()))
            .prop_map(|documents| Content::of(documents.into_iter().collect()))
    }

    fn merged(parts: &[&Content], law: Law) -> Documents {
        merge(parts.iter().map(|part| (*part).clone()).collect(), law).documents
    }

    /// The ids of the documents and of their matches, without regard to the order of the former.
    fn found(documents: &Documents) -> Vec<(&str, Vec<&str>)> {
        let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
        for document in documents.iter() {
            found.push((&document.id, document.matches.iter().map(|found| found.id.as_str()).collect()));
        }
        found.sort_unstable();
        found
    }

    proptest! {
        #[test]
        fn a_part_merged_with_nothing_or_with_itself_is_itself(part in part()) {
            let law = Law::default();
            let nothing = Content::default();
            for parts in [&[&part][..], &[&nothing, &part], &[&part, &nothing], &[&part, &part]] {
                prop_assert_eq!(&merged(parts, law), &part.documents);
            }
        }

        #[test]
        fn how_parts_are_grouped_makes_no_difference((a, b, c) in (part(), part(), part())) {
            let law = Law::default();
            let at_once = merged(&[&a, &b, &c], law);
            let left = Content::of(merged(&[&a, &b], law));
            let right = Content::of(merged(&[&b, &c], law));
            prop_assert_eq!(&merged(&[&left, &c], law), &at_once);
            prop_assert_eq!(&merged(&[&a, &right], law), &at_once);
        }

        #[test]
        fn nothing_is_invented_and_nothing_lost((a, b) in (part(), part())) {
            let both = merged(&[&a, &b], Law::default());
            let ids = |documents: &Documents| documents.iter().map(|one| one.id.clone()).collect::<HashSet<_>>();
            prop_assert_eq!(ids(&both), &ids(&a.documents) | &ids(&b.documents));
            prop_assert_eq!(both.len(), ids(&both).len());
            for document in &*both {
                let of = |part: &Content| part.documents.iter().find(|one| one.id == document.id).cloned();
                let (first, second) = (of(&a).unwrap_or_default(), of(&b).unwrap_or_default());
                prop_assert_eq!(&document.text, &first.text.or(second.text));
                let tags: HashSet<&String> = first.tags.keys().chain(second.tags.keys()).collect();
                prop_assert_eq!(document.tags.keys().collect::<HashSet<_>>(), tags);
            }
        }

        #[test]
        fn the_order_in_which_shards_are_merged_makes_no_difference_to_what_is_found(
            (a, b, c) in (answer("pqrs"), answer("tuvw"), answer("xyz")),
        ) {
            let at_once = merged(&[&a, &b, &c], BY_SCORE);
            for parts in [[&c, &b, &a], [&b, &a, &c]] {
                let merged = merged(&parts, BY_SCORE);
                prop_assert_eq!(found(&merged), found(&at_once));
            }
            for document in &*at_once {
                let compared = |pair: &[Document]| compare(&pair[0], &pair[1], Order::Ascending).is_le();
                prop_assert!(document.matches.len() <= 3 && document.matches.windows(2).all(compared));
            }
        }
    }
}
