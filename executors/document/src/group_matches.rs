//! `GroupMatches`: groups matches with an equal tag. Like [`TopK`](super::top_k), it does not sort.

use std::collections::HashMap;

use flowrun_sdk::{
    AccessPaths, AsyncExecutor, Build, BuildError, Call, Document, Documents, ExecutorError, ExecutorType,
    Instance, Value, async_trait, parse_parameters,
};

flowrun_sdk::parameters! {
    /// The parameters of `GroupMatches`.
    pub(crate) struct GroupMatchesParameters {
        /// Tag to group by, such as `video_id`. A match without the tag is unchanged.
        tag: String,
        /// Number of matches per group, from the first; null for all.
        per_group: Option<usize> = None,
        /// Default number of groups; null for all. The request's `top_k` overrides it.
        top_k: Option<usize> = None,
        /// Documents whose matches are grouped.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}

pub(crate) const TYPE: ExecutorType = ExecutorType::new::<GroupMatchesParameters>(
    "GroupMatches",
    "Replaces matches with an equal tag by one match, whose id is the tag's value, whose score is that of the first, and \
     whose matches are the replaced ones.",
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
        let per_group = self.0.per_group.unwrap_or(usize::MAX);
        let (mut groups, mut positions) = (Vec::new(), HashMap::new());
        for found in matches {
            let Some(value) = found.tags.get(&self.0.tag).filter(|value| !value.is_null()) else {
                groups.push(found);
                continue;
            };
            let id = group_id(value);
            let position = *positions.entry(id.clone()).or_insert_with(|| {
                groups.push(self.new_group(id, value.clone(), &found));
                groups.len() - 1
            });
            if let Some(group) = groups.get_mut(position).filter(|group| group.matches.len() < per_group) {
                group
                    .matches
                    .make_mut()
                    .push(Document { adjacency: found.adjacency.saturating_add(1), ..found });
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
fn group_id(value: &Value) -> String {
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
