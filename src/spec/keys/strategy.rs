//! What may stand below `strategy:` of a pod with shards.

use crate::limits::{CLUSTERS_MAX, COPIES_MAX};
use crate::spec::key::{Key, Kind};

/// A strategy by vectors or by tags.
pub const STRATEGY: &[Key] = &[
    Key::obeyed(
        "cluster",
        Kind::Count(1, CLUSTERS_MAX),
        "documents with vectors that are alike go together, in so many clusters; as a word 100",
    ),
    Key::obeyed(
        "time",
        Kind::Mapping,
        "documents of one time go together: `{tag: t, span: 300}` or `{tag: timestamp, hour_of_day: true}`",
    ),
    Key::obeyed("content", Kind::Text, "the tag whose equal values go together"),
    Key::obeyed(
        "group",
        Kind::Text,
        "the tag, such as `video_id`, whose equal values are in no more than `per_group` shards; among these the others \
         decide, and the load where they say nothing or a shard has twice its share",
    ),
    Key::obeyed(
        "per_group",
        Kind::Count(1, COPIES_MAX),
        "the most shards for a group; 3 where nothing is said",
    ),
];

/// How documents are told apart by time.
pub const TIME: &[Key] = &[
    Key::obeyed(
        "tag",
        Kind::Text,
        "the tag that is a time: a number; for `hour_of_day` seconds of Unix or ISO 8601",
    ),
    Key::obeyed("span", Kind::Any, "how much of the tag's unit goes together, a number above 0"),
    Key::obeyed(
        "hour_of_day",
        Kind::Flag,
        "whether the hour of the day (UTC) decides, in the place of `span`",
    ),
];
