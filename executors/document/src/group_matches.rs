//! `GroupMatches`: matches that have a tag in common become one. It trusts their order, as `TopK` does.

use std::collections::HashMap;

use flowrun_sdk::{
    AccessPaths, AsyncExecutor, Build, BuildError, Call, Document, Documents, ExecutorError, ExecutorType,
    Instance, Value, async_trait, parse_parameters,
};

flowrun_sdk::parameters! {
    /// What matches are grouped by, and what is left of them.
    pub(crate) struct GroupMatchesParameters {
        /// The tag whose equal values belong together, such as `video_id`. A match without it stays as it is.
        tag: String,
        /// How many matches a group keeps, the first; null keeps all.
        per_group: Option<usize> = None,
        /// How many groups are kept when the request does not say; null keeps all.
        top_k: Option<usize> = None,
        /// The documents whose matches are grouped.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}

pub(crate) const TYPE: ExecutorType = ExecutorType::new::<GroupMatchesParameters>(
    "GroupMatches",
    "Makes one match of those that have a tag in common: its id is the tag's value, its score that of the first, its matches \
     are they.",
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
    /// The groups, in the order of the first match of each.
    fn groups(&self, matches: Documents) -> Vec<Document> {
        let per_group = self.0.per_group.unwrap_or(usize::MAX);
        let (mut groups, mut places) = (Vec::new(), HashMap::new());
        for found in matches {
            let Some(value) = found.tags.get(&self.0.tag).filter(|value| !value.is_null()) else {
                groups.push(found);
                continue;
            };
            let id = text(value);
            let place = *places.entry(id.clone()).or_insert_with(|| {
                groups.push(self.group(id, value.clone(), &found));
                groups.len() - 1
            });
            if let Some(group) = groups.get_mut(place).filter(|group| group.matches.len() < per_group) {
                group
                    .matches
                    .make_mut()
                    .push(Document { adjacency: found.adjacency.saturating_add(1), ..found });
            }
        }
        groups
    }

    /// A group without matches yet, of which this will be the first.
    fn group(&self, id: String, value: Value, first: &Document) -> Document {
        let mut group = Document::new(id).with_tag(&self.0.tag, value);
        (group.granularity, group.adjacency) = (first.granularity, first.adjacency);
        group.scores = first.scores.clone();
        group
    }
}

/// The value of a tag as the id of its group. 3 and 3.0, which a number becomes on its way through Jina's messages, are one.
fn text(value: &Value) -> String {
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
