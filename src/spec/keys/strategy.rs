//! `strategy:` of a pod with shards, as a mapping.

use super::declare::keys;
use crate::limits::{CLUSTERS_MAX, COPIES_MAX};
use crate::spec::key::{AnyNode, Count, Flag, Key, KeyRow, MappingNode, Text};

keys! {
    CLUSTER: Count = Key::count(
        "cluster",
        1,
        CLUSTERS_MAX,
        "number of clusters: documents with similar vectors go to the same shard; `strategy: cluster` means 100",
    );
    TIME: MappingNode = Key::mapping(
        "time",
        "documents of the same time go to the same shard: `{tag: t, span: 300}` or `{tag: timestamp, hour_of_day: true}`",
    );
    CONTENT: Text = Key::text("content", "tag whose equal values go to the same shard");
    GROUP: Text = Key::text(
        "group",
        "tag, such as `video_id`, whose equal values are in at most `per_group` shards; `time` and `content` choose \
         among these; without them, or if that shard has twice the average number of documents, the shard with the \
         fewest documents is chosen",
    );
    PER_GROUP: Count =
        Key::count("per_group", 1, COPIES_MAX, "largest number of shards per value of `group` (default: 3)");
    TIME_TAG: Text = Key::text(
        "tag",
        "tag that holds the time: a number; for `hour_of_day` Unix seconds or ISO 8601",
    );
    TIME_SPAN: AnyNode = Key::any("span", "a number above 0", "length of a time bucket, in the tag's unit");
    HOUR_OF_DAY: Flag = Key::flag(
        "hour_of_day",
        "buckets by hour of the day, instead of by `span`: in UTC for Unix seconds, as written for ISO 8601",
    );
}

/// The top level of the mapping.
pub(super) const STRATEGY_TABLE: &[KeyRow] =
    &[rows::CLUSTER, rows::TIME, rows::CONTENT, rows::GROUP, rows::PER_GROUP];

/// `time:`.
pub(super) const TIME_TABLE: &[KeyRow] = &[rows::TIME_TAG, rows::TIME_SPAN, rows::HOUR_OF_DAY];
