//! Placement by tags (`strategy: {group: …, time: …, content: …}`): a group tag limits the shards, a time tag and a content
//! tag choose one.

use std::cmp::Reverse;

use flowrun_sdk::{Document, Value};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::spec::{GroupTag, TagStrategy, TimeBuckets, TimeTag};

const SECONDS_PER_HOUR: f64 = 3600.0;

/// The shards that the documents of a group may be placed in; all shards when the document has no group.
///
/// Rendezvous hashing: the shards with the largest hash of group and shard number. Groups spread evenly and no assignment
/// has to be stored.
pub(super) fn shards_of_group(group: &GroupTag, document: &Document, shards: usize) -> Vec<usize> {
    let mut candidates: Vec<usize> = (0..shards).collect();
    if let Some(text) = document.tags.get(&group.tag).and_then(comparable_text) {
        candidates.sort_by_key(|shard| Reverse(xxh3_64_with_seed(text.as_bytes(), *shard as u64)));
        candidates.truncate(group.per_group);
    }
    candidates
}

/// An index less than `candidates`, chosen by the time and content tags; `None` when the document has neither tag or the
/// strategy uses neither.
pub(super) fn index_by_tags(tags: &TagStrategy, document: &Document, candidates: usize) -> Option<usize> {
    let time = tags.time.as_ref().and_then(|time| time_slot(time, document));
    let content = tags.content.as_ref().and_then(|tag| comparable_text(document.tags.get(tag)?));
    let candidates = u64::try_from(candidates).ok().filter(|candidates| *candidates > 0)?;
    let index = match (time, content) {
        (None, None) => return None,
        // Adjacent time spans go to adjacent candidates; the hours of a day spread over all of them.
        (Some(slot), None) => match tags.time.as_ref().map(|time| time.buckets) {
            Some(TimeBuckets::HourOfDay) => slot.unsigned_abs() * candidates / 24,
            _ => slot.rem_euclid(i64::try_from(candidates).ok()?).unsigned_abs(),
        },
        (None, Some(text)) => xxh3_64(text.as_bytes()) % candidates,
        (Some(slot), Some(text)) => {
            let seed = slot.rem_euclid(i64::MAX).unsigned_abs();
            xxh3_64_with_seed(text.as_bytes(), seed) % candidates
        }
    };
    usize::try_from(index).ok()
}

/// Number of the time span, or hour of the day, of a document's time tag.
fn time_slot(time: &TimeTag, document: &Document) -> Option<i64> {
    let value = document.tags.get(&time.tag)?;
    let slot = match (time.buckets, value) {
        (TimeBuckets::Span(span), _) => value.as_f64()? / span,
        (TimeBuckets::HourOfDay, Value::String(text)) => return hour_in(text),
        (TimeBuckets::HourOfDay, _) => (value.as_f64()? / SECONDS_PER_HOUR).floor().rem_euclid(24.0),
    };
    #[expect(clippy::cast_possible_truncation, reason = "times far in the past or future saturate")]
    let slot = slot.floor() as i64;
    Some(slot)
}

/// The hour in a time such as `2024-05-01T17:30:00`, in the time zone in which it is written.
fn hour_in(text: &str) -> Option<i64> {
    let (_, time) = text.split_once(['T', ' '])?;
    time.get(..2)?.parse().ok().filter(|hour| (0..24).contains(hour))
}

/// A tag's value as text, equal for values that compare equal.
fn comparable_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        // 1 and 1.0 are the same number.
        Value::Number(number) => number.as_f64().map(|number| number.to_string()),
        _ => Some(value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_always_has_the_same_shards_and_equal_numbers_are_one_group() {
        let group = GroupTag { tag: "g".to_owned(), per_group: 2 };
        let shards = |document: Document| shards_of_group(&group, &document, 8);
        let integer = shards(Document::new("a").with_tag("g", 1));
        assert_eq!((integer.len(), integer), (2, shards(Document::new("b").with_tag("g", 1.0))));
        assert_eq!(shards(Document::new("no group")).len(), 8);
    }

    #[test]
    fn hours_of_a_day_spread_over_all_candidates() {
        let time = TimeTag { tag: "t".to_owned(), buckets: TimeBuckets::HourOfDay };
        let tags = TagStrategy { time: Some(time), content: None, group: None };
        let index = |time: &str| index_by_tags(&tags, &Document::new("a").with_tag("t", time), 4);
        assert_eq!(index("2024-05-01T00:30:00"), Some(0));
        assert_eq!(index("2024-05-01 23:30:00"), Some(3));
        assert_eq!(index("no time"), None);
    }
}
