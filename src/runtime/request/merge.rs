//! Merges the parts of a request at joins and after shards.
//!
//! Documents with the same id become one: fields that the earlier part leaves unset are filled from the later part,
//! chunks and matches are merged by id, scores and evaluations by name; documents without a counterpart are added.
//! Matches found by different shards are merged by score and cut to top-k, without those of shards that dropped more conditions
//! of a document's filter than others; different lists that they return in a field
//! of docarray's second schema are concatenated, as in Jina. The merge is associative; its order is the order of the
//! parts (`needs`, or shard number), never the order of arrival. Waiting for the parts is the task of
//! [`gather`](super::gather).

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use flowrun_sdk::{DocarrayFields, Document, Documents, FIELD_RECORD_TAG, Order, Tags, Tensor, Value};

use super::content::Content;
use super::relaxation::keep_least_relaxed;
use crate::spec::Join;

/// Order and number of the matches that a document keeps when shards are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::runtime) struct MatchPolicy {
    /// Ascending for distances, descending for similarities.
    pub(in crate::runtime) order: Order,
    /// Maximum number of matches of a document.
    pub(in crate::runtime) top_k: usize,
}

/// Rules by which parts are merged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::runtime) struct MergePolicy {
    /// Treatment of documents with the same id, and of their embeddings.
    pub(in crate::runtime) join: Join,
    /// Merges matches by score; `None` merges them by id, in the order of the parts.
    pub(in crate::runtime) matches: Option<MatchPolicy>,
    /// Set for the results of shards: concatenates lists in fields of docarray's second schema.
    pub(in crate::runtime) appends_lists: bool,
}

/// Merges parts in their order. An error of one part is the error of the result.
pub(super) fn merge(mut parts: Vec<Content>, policy: MergePolicy) -> Content {
    drop_failed(&mut parts);
    let mut parts = parts.into_iter();
    let mut merged = parts.next().unwrap_or_default();
    if policy.join != Join::Append {
        merged.origins.clear();
    }
    for part in parts {
        if policy.join == Join::Append {
            merged.origins.extend(part.origins);
        }
        if merged.error.is_none() {
            merged.error = part.error;
        }
        merge_lists(&mut merged.documents, part.documents, policy);
        merged.failures.extend(part.failures);
        merged.results.extend(part.results);
    }
    merged
}

/// Merges the documents of multiple requests, as a join before the first pod would.
pub(crate) fn merge_requests(requests: impl IntoIterator<Item = Documents>) -> Documents {
    let mut requests = requests.into_iter();
    let mut merged = requests.next().unwrap_or_default();
    requests.for_each(|documents| merge_lists(&mut merged, documents, MergePolicy::default()));
    merged
}

/// Removes documents that failed in another part, and reports each failure once.
///
/// Within its own part the executor has already removed a failed document; a document with its id there is a new one.
fn drop_failed(parts: &mut [Content]) {
    if parts.iter().all(|part| part.failures.is_empty()) {
        return;
    }
    let ids = |part: &Content| part.failures.iter().map(|failure| failure.failure.id.clone()).collect();
    let failed: Vec<HashSet<String>> = parts.iter().map(ids).collect();
    let failed_in = |parts: &[HashSet<String>], id: &str| parts.iter().any(|ids| ids.contains(id));
    for (position, part) in parts.iter_mut().enumerate() {
        let (before, after) = failed.split_at(position);
        let after = after.get(1..).unwrap_or_default();
        part.failures.retain(|failure| !failed_in(before, &failure.failure.id));
        part.retain(|document| !failed_in(before, &document.id) && !failed_in(after, &document.id));
    }
}

/// Merges the documents of `right` into `left`, by id.
fn merge_lists(left: &mut Documents, right: Documents, policy: MergePolicy) {
    let same = policy.join != Join::Append && std::ptr::eq(&raw const **left, &raw const *right);
    if right.is_empty() || same {
        return;
    }
    if left.is_empty() {
        *left = right;
        return;
    }
    let documents = left.make_mut();
    if policy.join == Join::Append {
        documents.extend(right);
        return;
    }
    let mut positions: Option<HashMap<String, usize>> = None;
    for (position, document) in right.into_iter().enumerate() {
        // Parts of one request mostly have the same documents in the same order.
        let aligned =
            documents.get(position).is_some_and(|known| known.id == document.id).then_some(position);
        let known = aligned.or_else(|| {
            let by_id =
                || documents.iter().enumerate().map(|(index, known)| (known.id.clone(), index)).collect();
            positions.get_or_insert_with(by_id).get(&document.id).copied()
        });
        match known.and_then(|position| documents.get_mut(position)) {
            Some(known) => merge_documents(known, document, policy),
            None => documents.push(document),
        }
    }
}

/// Fills the unset fields of `left` from `right`, which has the same id.
fn merge_documents(left: &mut Document, mut right: Document, policy: MergePolicy) {
    if policy.matches.is_some() {
        keep_least_relaxed(left, &mut right);
    }
    let fill = |left: &mut String, right: String| {
        if left.is_empty() {
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
    left.embedding = merge_embeddings(left.embedding.take(), right.embedding, policy.join);
    if left.location.is_empty() {
        left.location = right.location;
    }
    if !Arc::ptr_eq(&left.tags, &right.tags) {
        merge_tags(left, Arc::unwrap_or_clone(right.tags), policy);
    }
    for (name, score) in right.scores {
        left.scores.entry(name).or_insert(score);
    }
    merge_docarray(&mut left.docarray, right.docarray);
    merge_lists(&mut left.chunks, right.chunks, policy);
    match policy.matches {
        Some(matches) => merge_matches(&mut left.matches, right.matches, matches),
        None => merge_lists(&mut left.matches, right.matches, policy),
    }
}

/// Adds the evaluations and the metadata of `right` that `left` does not have.
fn merge_docarray(left: &mut Option<Arc<DocarrayFields>>, right: Option<Arc<DocarrayFields>>) {
    let Some(right) = right else { return };
    let Some(known) = left else {
        *left = Some(right);
        return;
    };
    if Arc::ptr_eq(known, &right) {
        return;
    }
    let (known, right) = (Arc::make_mut(known), Arc::unwrap_or_clone(right));
    for (name, score) in right.evaluations {
        known.evaluations.entry(name).or_insert(score);
    }
    for (name, value) in right.metadata {
        known.metadata.entry(name).or_insert(value);
    }
}

/// Adds the tags of `right` that `left` does not have.
fn merge_tags(left: &mut Document, right: Tags, policy: MergePolicy) {
    for (name, value) in right {
        match left.tags.get(&name) {
            None => {
                left.tags_mut().insert(name, value);
            }
            Some(known) if policy.appends_lists && *known != value && is_list_field(left, &name) => {
                if let (Some(Value::Array(known)), Value::Array(added)) =
                    (left.tags_mut().get_mut(&name), value)
                {
                    known.extend(added);
                }
            }
            Some(_) => {}
        }
    }
}

/// True if a tag is a list in a field of docarray's second schema.
fn is_list_field(document: &Document, name: &str) -> bool {
    let kinds = document.tags.get(FIELD_RECORD_TAG).and_then(|record| record.get("kinds"));
    kinds.and_then(|kinds| kinds.get(name)).and_then(Value::as_str) == Some("list")
}

fn merge_embeddings(left: Option<Tensor>, right: Option<Tensor>, join: Join) -> Option<Tensor> {
    if let (Some(left), Some(right), Join::ConcatenateEmbeddings) = (&left, &right, join)
        && let (Ok(first), Ok(second)) = (left.to_f32(), right.to_f32())
    {
        return Some(Tensor::vector([&*first, &*second].concat()));
    }
    left.or(right)
}

/// Merges two sorted lists of matches, keeps the best match of each id, and cuts to top-k.
///
/// The order is by score, then by id, which is the order that indexers return: merging the matches of all shards
/// gives the matches of a single shard with all documents.
fn merge_matches(left: &mut Documents, right: Documents, policy: MatchPolicy) {
    let matches = left.make_mut();
    matches.extend(right);
    matches.sort_by(|left, right| compare(left, right, policy.order));
    let mut seen = HashSet::new();
    matches.retain(|document| seen.insert(document.id.clone()));
    matches.truncate(policy.top_k);
}

/// Orders two matches by score, then by id; matches without a score come last.
fn compare(left: &Document, right: &Document, order: Order) -> Ordering {
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

    const BY_SCORE: MergePolicy = MergePolicy {
        join: Join::Merge,
        matches: Some(MatchPolicy { order: Order::Ascending, top_k: 3 }),
        appends_lists: true,
    };

    /// A document with one of few ids and any combination of its fields.
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
                    document.docarray_mut().evaluations.insert(tag, NamedScore::new(1.0, "test"));
                }
                if let Some(score) = score {
                    document.scores.insert("score".to_owned(), NamedScore::new(f32::from(score), "test"));
                }
                document
            },
        )
    }

    /// Documents of one part: ids are unique.
    fn documents(ids: &'static str, inside: BoxedStrategy<Vec<Document>>) -> BoxedStrategy<Vec<Document>> {
        let one = (document(ids), inside).prop_map(|(mut document, matches)| {
            document.matches = matches.into_iter().collect();
            document
        });
        proptest::collection::vec(one, 0..4)
            .prop_map(|documents| {
                let mut seen = HashSet::new();
                documents.into_iter().filter(|document| seen.insert(document.id.clone())).collect()
            })
            .boxed()
    }

    /// The part of one shard: its matches are sorted and have ids that no other shard has.
    fn shard_part(ids: &'static str) -> impl Strategy<Value = Content> {
        let matches = documents(ids, Just(Vec::new()).boxed()).prop_map(|mut matches| {
            matches.sort_by(|left, right| compare(left, right, Order::Ascending));
            matches.truncate(3);
            matches
        });
        documents("abc", matches.boxed()).prop_map(|documents| Content::new(documents.into_iter().collect()))
    }

    fn part() -> impl Strategy<Value = Content> {
        documents("abcd", documents("pqrs", Just(Vec::new()).boxed()))
            .prop_map(|documents| Content::new(documents.into_iter().collect()))
    }

    fn merged(parts: &[&Content], policy: MergePolicy) -> Documents {
        merge(parts.iter().map(|part| (*part).clone()).collect(), policy).documents
    }

    /// Ids of the documents, sorted, each with the ids of its matches in their order.
    fn match_ids(documents: &Documents) -> Vec<(&str, Vec<&str>)> {
        let mut ids: Vec<(&str, Vec<&str>)> = Vec::new();
        for document in documents.iter() {
            ids.push((&document.id, document.matches.iter().map(|one| one.id.as_str()).collect()));
        }
        ids.sort_unstable();
        ids
    }

    #[test]
    fn different_lists_of_shards_are_concatenated_in_fields_of_the_second_schema() {
        let part = |words: &[&str]| {
            let record = serde_json::json!({"kinds": {"words": "list"}});
            let document =
                Document::new("a").with_tag("words", words.to_vec()).with_tag("tag", words.to_vec());
            Content::new([document.with_tag(FIELD_RECORD_TAG, record)].into_iter().collect())
        };
        let lists = |parts: &[&Content], policy| {
            let tags = &merged(parts, policy)[0].tags;
            (tags["words"].clone(), tags["tag"].clone())
        };
        let (first, second) = (part(&["x", "0"]), part(&["x", "1"]));
        let joined = (serde_json::json!(["x", "0", "x", "1"]), serde_json::json!(["x", "0"]));
        assert_eq!(lists(&[&first, &second], BY_SCORE), joined);
        let kept = (serde_json::json!(["x", "0"]), serde_json::json!(["x", "0"]));
        assert_eq!(lists(&[&first, &first], BY_SCORE), kept, "equal lists are one list");
        assert_eq!(lists(&[&first, &second], MergePolicy::default()), kept, "of branches the first counts");
    }

    proptest! {
        #[test]
        fn merging_with_an_empty_part_or_with_itself_changes_nothing(part in part()) {
            let policy = MergePolicy::default();
            let empty = Content::default();
            for parts in [&[&part][..], &[&empty, &part], &[&part, &empty], &[&part, &part]] {
                prop_assert_eq!(&merged(parts, policy), &part.documents);
            }
        }

        #[test]
        fn merging_is_associative((a, b, c) in (part(), part(), part())) {
            let policy = MergePolicy::default();
            let at_once = merged(&[&a, &b, &c], policy);
            let left = Content::new(merged(&[&a, &b], policy));
            let right = Content::new(merged(&[&b, &c], policy));
            prop_assert_eq!(&merged(&[&left, &c], policy), &at_once);
            prop_assert_eq!(&merged(&[&a, &right], policy), &at_once);
        }

        #[test]
        fn a_merge_has_exactly_the_ids_fields_and_tags_of_its_parts((a, b) in (part(), part())) {
            let both = merged(&[&a, &b], MergePolicy::default());
            let ids = |documents: &Documents| documents.iter().map(|one| one.id.clone()).collect::<HashSet<_>>();
            prop_assert_eq!(ids(&both), &ids(&a.documents) | &ids(&b.documents));
            prop_assert_eq!(both.len(), ids(&both).len());
            for document in &*both {
                let find = |part: &Content| part.documents.iter().find(|one| one.id == document.id).cloned();
                let (first, second) = (find(&a).unwrap_or_default(), find(&b).unwrap_or_default());
                prop_assert_eq!(&document.text, &first.text.or(second.text));
                let tags: HashSet<&String> = first.tags.keys().chain(second.tags.keys()).collect();
                prop_assert_eq!(document.tags.keys().collect::<HashSet<_>>(), tags);
            }
        }

        #[test]
        fn matches_do_not_depend_on_the_order_of_the_shards(
            (a, b, c) in (shard_part("pqrs"), shard_part("tuvw"), shard_part("xyz")),
        ) {
            let at_once = merged(&[&a, &b, &c], BY_SCORE);
            for parts in [[&c, &b, &a], [&b, &a, &c]] {
                let merged = merged(&parts, BY_SCORE);
                prop_assert_eq!(match_ids(&merged), match_ids(&at_once));
            }
            for document in &*at_once {
                let sorted = |pair: &[Document]| compare(&pair[0], &pair[1], Order::Ascending).is_le();
                prop_assert!(document.matches.len() <= 3 && document.matches.windows(2).all(sorted));
            }
        }
    }
}
