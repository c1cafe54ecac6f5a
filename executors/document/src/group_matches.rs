//! `GroupMatches`: groups matches with an equal tag, and merges those of a group into time ranges ([`ranges`](super::ranges)).
//! Like [`TopK`](super::top_k), it does not sort.

use std::collections::HashMap;
use std::time::Duration;

use flowrun_sdk::{
    AccessPaths, AsyncExecutor, Build, BuildError, Call, Document, Documents, ExecutorError, ExecutorType,
    Instance, Value, async_trait, parse_parameters,
};

use crate::ranges::{Ranges, merge};

flowrun_sdk::parameters! {
    /// The parameters of `GroupMatches`.
    pub(crate) struct GroupMatchesParameters {
        /// Tag to group by, such as `video_id`. A match without the tag is unchanged.
        tag: String,
        /// Number of matches per group, from the first; null for all. With `ranges`, the number of ranges.
        per_group: Option<usize> = None,
        /// Merges the matches of a group into time ranges: `off`; `scenes` for those with an equal tag `scene_number`; `times` for
        /// those whose tag `timestamp` is at most `gap` after that of another. A range is its first match with the tags `start`
        /// and `end` (seconds) and `frames` (number of matches).
        ranges: Ranges = Ranges::Off,
        /// Longest time between consecutive matches of a range of `ranges: times`, in seconds.
        gap: Duration = Duration::from_secs(5),
        /// Default number of groups; null for all. The request's `top_k` overrides it.
        top_k: Option<usize> = None,
        /// Documents whose matches are grouped.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}

pub(crate) const TYPE: ExecutorType = ExecutorType::new::<GroupMatchesParameters>(
    "GroupMatches",
    "Replaces matches with an equal tag by one match, whose id is the tag's value, whose score is that of the first, and \
     whose matches are the replaced ones, or time ranges of them.",
    create,
);

struct GroupMatches(GroupMatchesParameters);

#[async_trait]
impl AsyncExecutor for GroupMatches {
    async fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let top_k = call.top_k(self.0.top_k.unwrap_or(usize::MAX))?;
        let paths = call.access_paths(&self.0.access_paths)?;
        call.for_each(&paths, |document| {
            let matches = document.matches.take();
            document.matches = self.groups(matches).into_iter().take(top_k).collect();
            Ok(())
        })
    }
}

impl GroupMatches {
    /// Groups and ungrouped matches, in the order of the first match of each.
    fn groups(&self, matches: Documents) -> Vec<Document> {
        let GroupMatchesParameters { tag, per_group, ranges, gap, .. } = &self.0;
        let per_group = per_group.unwrap_or(usize::MAX);
        // Without ranges, further matches of a group are not kept.
        let kept = if *ranges == Ranges::Off { per_group } else { usize::MAX };
        let (mut groups, mut positions) = (Vec::new(), HashMap::new());
        let mut members: Vec<Vec<Document>> = Vec::new();
        for found in matches {
            let Some(value) = found.tags.get(tag).filter(|value| !value.is_null()) else {
                groups.push(found);
                members.push(Vec::new());
                continue;
            };
            let id = group_id(value);
            let position = *positions.entry(id.clone()).or_insert_with(|| {
                groups.push(self.new_group(id, value.clone(), &found));
                members.push(Vec::new());
                groups.len() - 1
            });
            if let Some(members) = members.get_mut(position).filter(|members| members.len() < kept) {
                members.push(Document { adjacency: found.adjacency.saturating_add(1), ..found });
            }
        }
        for position in positions.into_values() {
            if let (Some(group), Some(members)) = (groups.get_mut(position), members.get_mut(position)) {
                let merged = merge(std::mem::take(members), *ranges, *gap);
                group.matches = merged.into_iter().take(per_group).collect();
            }
        }
        groups
    }

    /// A group that has no matches yet, with the scores and the position in the tree of `first`, its first match.
    fn new_group(&self, id: String, value: Value, first: &Document) -> Document {
        let mut group = Document::new(id).with_tag(&self.0.tag, value);
        (group.granularity, group.adjacency) = (first.granularity, first.adjacency);
        group.scores = first.scores.clone();
        group
    }
}

/// Group id for the value of a tag. 3 and 3.0 are equal, since Jina's messages turn integers into floats.
pub(crate) fn group_id(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => {
            number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string())
        }
        value => value.to_string(),
    }
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    parse_parameters(build).map(GroupMatches).map(Instance::new_async)
}
