//! Placement strategy: selects the shard of a new document. The runtime finds the shard of a stored one.

use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::key::KeyName;
use super::keys::{
    CLUSTER, CONTENT, GROUP, HOUR_OF_DAY, PER_GROUP, POD_STRATEGY, STRATEGY_TIME, TIME, TIME_SPAN, TIME_TAG,
};
use super::reader::Reader;
use crate::diagnostic::{Code, Diagnostic, Span, Spanned, did_you_mean};
use crate::yaml::Node;

/// Default of `per_group`.
const PER_GROUP_DEFAULT: usize = 3;

/// Strategies that are written as a word.
const WORDS: [&str; 4] = ["hash", "round_robin", "least_loaded", "cluster"];

/// Number of clusters of the word `cluster`.
const CLUSTERS_DEFAULT: usize = 100;

/// Selects the shard of a new document.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Strategy {
    /// By a hash of the document's id.
    Hash,
    /// Each shard in turn.
    RoundRobin,
    /// The shard with the fewest documents.
    LeastLoaded,
    /// The shard of the cluster that the document's vector belongs to, of this many clusters.
    Cluster(usize),
    /// By the document's tags.
    ByTags(Box<TagStrategy>),
}

/// Tags that select a shard.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TagStrategy {
    /// Documents of the same time bucket go to the same shard.
    pub time: Option<TimeTag>,
    /// Tag whose equal values go to the same shard.
    pub content: Option<String>,
    /// Keeps documents of a group in a few shards.
    pub group: Option<GroupTag>,
}

/// A tag that holds a time.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TimeTag {
    /// Name of the tag.
    pub tag: String,
    /// Buckets of the time.
    pub buckets: TimeBuckets,
}

/// Buckets of a time.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum TimeBuckets {
    /// Buckets of this length in the tag's unit, above zero.
    Span(f64),
    /// The hours of the day: in UTC if the tag holds Unix seconds, as written if it holds a string in ISO 8601.
    HourOfDay,
}

/// A tag whose equal values form a group that is kept in a few shards.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct GroupTag {
    /// Name of the tag.
    pub tag: String,
    /// Maximum number of shards per group.
    pub per_group: usize,
}

impl Strategy {
    /// Reads the value of `strategy`: a word or a mapping. Without a value, the strategy is `hash`, at `span`.
    pub(super) fn read(node: Option<&Node>, span: Span, reader: &mut Reader<'_>) -> Spanned<Self> {
        let Some(node) = node else { return Spanned::new(Self::Hash, span) };
        let read = match node.mapping() {
            Some(_) => read_mapping(node, reader),
            None => read_word(node, reader),
        };
        Spanned::new(read.unwrap_or(Self::Hash), node.span)
    }

    /// The strategy in the normal form.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Hash => "hash".into(),
            Self::RoundRobin => "round_robin".into(),
            Self::LeastLoaded => "least_loaded".into(),
            Self::Cluster(clusters) => json!({ "cluster": clusters }),
            Self::ByTags(tags) => tags.to_json(),
        }
    }
}

impl TagStrategy {
    fn to_json(&self) -> Value {
        let mut object = Map::new();
        if let Some(TimeTag { tag, buckets }) = &self.time {
            let time = match buckets {
                TimeBuckets::Span(span) => json!({"tag": tag, "span": span}),
                TimeBuckets::HourOfDay => json!({"tag": tag, "hour_of_day": true}),
            };
            object.insert("time".to_owned(), time);
        }
        if let Some(tag) = &self.content {
            object.insert("content".to_owned(), tag.as_str().into());
        }
        if let Some(GroupTag { tag, per_group }) = &self.group {
            object.insert("group".to_owned(), tag.as_str().into());
            object.insert("per_group".to_owned(), (*per_group).into());
        }
        object.into()
    }
}

fn read_word(node: &Node, reader: &mut Reader<'_>) -> Option<Strategy> {
    let text = node.text().map(str::to_ascii_lowercase);
    match text.as_deref() {
        Some("hash") => Some(Strategy::Hash),
        Some("round_robin") => Some(Strategy::RoundRobin),
        Some("least_loaded") => Some(Strategy::LeastLoaded),
        Some("cluster") => Some(Strategy::Cluster(CLUSTERS_DEFAULT)),
        _ => {
            let message =
                "`strategy` must be `hash`, `round_robin`, `least_loaded`, `cluster` or a mapping of tags";
            let suggestion = text.and_then(|text| did_you_mean(&text, WORDS));
            let diagnostic = Diagnostic::at(Code::WrongType, node.span, message).maybe_help(suggestion);
            let help =
                "a mapping of tags is, for example, `{time: {tag: t, span: 300}}` or `{content: scene}`";
            reader.report.push(diagnostic.help(help));
            None
        }
    }
}

fn read_mapping(node: &Node, reader: &mut Reader<'_>) -> Option<Strategy> {
    let fields = reader.fields_of(Some(node), &POD_STRATEGY);
    let Some(clusters) = fields.get(&CLUSTER) else {
        return read_tags(node, &fields, reader).map(|tags| Strategy::ByTags(Box::new(tags)));
    };
    const TAG_KEYS: [KeyName; 4] = [TIME.name(), CONTENT.name(), GROUP.name(), PER_GROUP.name()];
    let tags = TAG_KEYS.into_iter().find_map(|key| fields.key_span(key));
    if let Some(tag) = tags {
        let conflict =
            Diagnostic::at(Code::ConflictingKeys, tag, "a strategy uses either vectors or tags, not both");
        reader.report.push(conflict.label(clusters.span, "by vectors").help("remove one of the two"));
    }
    Some(Strategy::Cluster(clusters.value))
}

fn read_tags(node: &Node, fields: &Fields<'_>, reader: &mut Reader<'_>) -> Option<TagStrategy> {
    let time = fields.get(&TIME).and_then(|node| read_time(node, reader));
    let content = fields.get(&CONTENT).map(|tag| tag.value.to_owned());
    let per_group = fields.get(&PER_GROUP);
    let group = fields.get(&GROUP).map(|tag| GroupTag {
        tag: tag.value.to_owned(),
        per_group: per_group.map_or(PER_GROUP_DEFAULT, |count| count.value),
    });
    if let (None, Some(count)) = (&group, per_group) {
        let message = "`per_group` has no effect without `group`";
        let help = "write `group: video_id`, the tag that the documents of a group share";
        reader.report.push(Diagnostic::at(Code::WithoutEffect, count.span, message).help(help));
    }
    if fields.get(&TIME).is_none() && content.is_none() && group.is_none() {
        let message = "the strategy names no tag";
        let help = "write `time: {tag: t, span: 300}`, `content: scene` or `group: video_id`";
        reader.report.push(Diagnostic::at(Code::MissingKey, node.span, message).help(help));
        return None;
    }
    Some(TagStrategy { time, content, group })
}

fn read_time(node: &Node, reader: &mut Reader<'_>) -> Option<TimeTag> {
    let fields = reader.fields_of(Some(node), &STRATEGY_TIME);
    let by_hour = fields.get(&HOUR_OF_DAY) == Some(true);
    let buckets = match fields.get(&TIME_SPAN) {
        Some(span) => {
            let number = span.text().and_then(|text| text.trim().parse::<f64>().ok());
            let Some(number) = number.filter(|number| number.is_finite() && *number > 0.0) else {
                let message = "`span` must be a number above 0";
                let help = "write the length of a bucket in the tag's unit, for example `span: 300`";
                reader.report.push(Diagnostic::at(Code::WrongType, span.span, message).help(help));
                return None;
            };
            if let Some(hour) = fields.key_span(&HOUR_OF_DAY).filter(|_| by_hour) {
                let message = "`hour_of_day` and `span` exclude each other";
                let conflict = Diagnostic::at(Code::ConflictingKeys, hour, message);
                reader.report.push(conflict.label(span.span, "`span`").help("remove one of the two"));
            }
            Some(TimeBuckets::Span(number))
        }
        None => by_hour.then_some(TimeBuckets::HourOfDay),
    };
    let tag = fields.get(&TIME_TAG).map(|tag| tag.value.to_owned());
    let missing = match (&tag, &buckets) {
        (Some(_), Some(_)) => None,
        (None, _) => Some("a strategy's `time:` has no `tag`"),
        (_, None) => Some("a strategy's `time:` has neither `span` nor `hour_of_day: true`"),
    };
    if let Some(message) = missing {
        let help = "write `{tag: t, span: 300}` or `{tag: timestamp, hour_of_day: true}`";
        reader.report.push(Diagnostic::at(Code::MissingKey, node.span, message).help(help));
    }
    Some(TimeTag { tag: tag?, buckets: buckets? })
}
