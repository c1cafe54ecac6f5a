//! Which shard a new document goes to. Where it is found again is the runtime's business.

use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::keys::{STRATEGY_PLACE, TIME_PLACE};
use super::reader::Reader;
use crate::diagnostic::{Code, Diagnostic, Span, Spanned, did_you_mean};
use crate::yaml::Node;

/// How many shards a group has when nothing is said.
const PER_GROUP: usize = 3;

/// The strategies that are a word.
const WORDS: [&str; 4] = ["hash", "round_robin", "least_loaded", "cluster"];

/// How many clusters there are when nothing is said.
const CLUSTERS: usize = 100;

/// Which shard a new document goes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Strategy {
    /// The one that a hash of its id says.
    Hash,
    /// One after the other.
    RoundRobin,
    /// The one with the fewest documents.
    LeastLoaded,
    /// The one that has what is like it, of so many clusters.
    Cluster(usize),
    /// One that its tags say.
    ByTags(Box<TagStrategy>),
}

/// Which tags say where a document goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TagStrategy {
    /// Documents of one time go together.
    pub time: Option<TimeTag>,
    /// The tag whose equal values go together.
    pub content: Option<String>,
    /// What is kept to a few shards.
    pub group: Option<GroupTag>,
}

/// A tag that is a time.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeTag {
    /// Its name.
    pub tag: String,
    /// What of it goes together.
    pub buckets: TimeBuckets,
}

/// What of the time goes together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TimeBuckets {
    /// So much of the tag's unit, above zero.
    Span(f64),
    /// The hours of the day, in UTC, of seconds since 1970 or of a text as ISO 8601 has it.
    HourOfDay,
}

/// Documents that are kept to a few shards.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupTag {
    /// The tag that they have in common.
    pub tag: String,
    /// How many shards they may be in.
    pub per_group: usize,
}

impl Strategy {
    /// The strategy that `node` stands for: a word or a mapping. Without one, `span` is where the pod stands.
    pub(super) fn read(node: Option<&Node>, span: Span, reader: &mut Reader<'_>) -> Spanned<Self> {
        let Some(node) = node else { return Spanned::new(Self::Hash, span) };
        let read = match node.mapping() {
            Some(_) => mapping(node, reader),
            None => word(node, reader),
        };
        Spanned::new(read.unwrap_or(Self::Hash), node.span)
    }

    /// The strategy as the normal form shows it.
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
        let mut shown = Map::new();
        if let Some(TimeTag { tag, buckets }) = &self.time {
            let time = match buckets {
                TimeBuckets::Span(span) => json!({"tag": tag, "span": span}),
                TimeBuckets::HourOfDay => json!({"tag": tag, "hour_of_day": true}),
            };
            shown.insert("time".to_owned(), time);
        }
        if let Some(tag) = &self.content {
            shown.insert("content".to_owned(), tag.as_str().into());
        }
        if let Some(GroupTag { tag, per_group }) = &self.group {
            shown.insert("group".to_owned(), tag.as_str().into());
            shown.insert("per_group".to_owned(), (*per_group).into());
        }
        shown.into()
    }
}

fn word(node: &Node, reader: &mut Reader<'_>) -> Option<Strategy> {
    let text = node.text().map(str::to_ascii_lowercase);
    match text.as_deref() {
        Some("hash") => Some(Strategy::Hash),
        Some("round_robin") => Some(Strategy::RoundRobin),
        Some("least_loaded") => Some(Strategy::LeastLoaded),
        Some("cluster") => Some(Strategy::Cluster(CLUSTERS)),
        _ => {
            let message =
                "`strategy` must be `hash`, `round_robin`, `least_loaded`, `cluster` or a mapping of tags";
            let meant = text.and_then(|text| did_you_mean(&text, WORDS));
            let diagnostic = Diagnostic::at(Code::WrongType, node.span, message).maybe_help(meant);
            reader.report.push(
                diagnostic.help("by tags, write such as `{time: {tag: t, span: 300}}` or `{content: scene}`"),
            );
            None
        }
    }
}

fn mapping(node: &Node, reader: &mut Reader<'_>) -> Option<Strategy> {
    let fields = reader.fields_of(Some(node), &STRATEGY_PLACE);
    let Some(clusters) = fields.count("cluster") else {
        return by_tags(node, &fields, reader).map(|tags| Strategy::ByTags(Box::new(tags)));
    };
    let tags = ["time", "content", "group", "per_group"].into_iter().find_map(|key| fields.key_span(key));
    if let Some(tag) = tags {
        let conflict =
            Diagnostic::at(Code::ConflictingKeys, tag, "a document goes by its vector or by its tags");
        reader.report.push(conflict.label(clusters.span, "by its vector").help("keep one of the two"));
    }
    Some(Strategy::Cluster(clusters.value))
}

fn by_tags(node: &Node, fields: &Fields<'_>, reader: &mut Reader<'_>) -> Option<TagStrategy> {
    let time = fields.node("time").and_then(|node| time(node, reader));
    let content = fields.text("content").map(|tag| tag.value.to_owned());
    let per_group = fields.count("per_group");
    let group = fields.text("group").map(|tag| GroupTag {
        tag: tag.value.to_owned(),
        per_group: per_group.map_or(PER_GROUP, |count| count.value),
    });
    if let (None, Some(count)) = (&group, per_group) {
        let message = "`per_group` has no effect without `group`";
        let help = "write `group: video_id`, the tag that a group has in common";
        reader.report.push(Diagnostic::at(Code::WithoutEffect, count.span, message).help(help));
    }
    if fields.node("time").is_none() && content.is_none() && group.is_none() {
        let message = "this strategy names no tag";
        let help = "write `time: {tag: t, span: 300}`, `content: scene` or `group: video_id`";
        reader.report.push(Diagnostic::at(Code::MissingKey, node.span, message).help(help));
        return None;
    }
    Some(TagStrategy { time, content, group })
}

fn time(node: &Node, reader: &mut Reader<'_>) -> Option<TimeTag> {
    let fields = reader.fields_of(Some(node), &TIME_PLACE);
    let by_hour = fields.flag("hour_of_day") == Some(true);
    let buckets = match fields.node("span") {
        Some(span) => {
            let number = span.text().and_then(|text| text.trim().parse::<f64>().ok());
            let Some(number) = number.filter(|number| number.is_finite() && *number > 0.0) else {
                let message = "`span` must be a number above 0";
                let help = "write how much of the tag's unit goes together, such as `span: 300`";
                reader.report.push(Diagnostic::at(Code::WrongType, span.span, message).help(help));
                return None;
            };
            if let Some(hour) = fields.key_span("hour_of_day").filter(|_| by_hour) {
                let message = "`hour_of_day` says what `span` says";
                let conflict = Diagnostic::at(Code::ConflictingKeys, hour, message);
                reader.report.push(conflict.label(span.span, "this one").help("keep one of the two"));
            }
            Some(TimeBuckets::Span(number))
        }
        None => by_hour.then_some(TimeBuckets::HourOfDay),
    };
    let tag = fields.text("tag").map(|tag| tag.value.to_owned());
    let missing = match (&tag, &buckets) {
        (Some(_), Some(_)) => None,
        (None, _) => Some("a strategy's `time:` names no `tag`"),
        (_, None) => Some("a strategy's `time:` says neither `span` nor `hour_of_day: true`"),
    };
    if let Some(message) = missing {
        let help = "write `{tag: t, span: 300}` or `{tag: timestamp, hour_of_day: true}`";
        reader.report.push(Diagnostic::at(Code::MissingKey, node.span, message).help(help));
    }
    Some(TimeTag { tag: tag?, buckets: buckets? })
}
