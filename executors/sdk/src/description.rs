//! Facts about an executor that are known before it is started.
//!
//! A host plans and checks a flow with descriptions: it starts nothing, reads no documents and opens no ports for them. A
//! fact that depends on a running executor, such as the dimension of an existing index, is [`Fact::Unknown`] and is filled
//! in from the [`Instance`] at launch. A known fact must equal that of the instance.

use serde::{Deserialize, Serialize};

use crate::{
    Batching, Build, EndpointHelp, Endpoints, Instance, ModelState, Order, Ranking, RequestParameters,
};

/// A fact that may be unknown until the executor runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact<T> {
    /// The fact is known without starting the executor.
    Known(T),
    /// The fact is known only once the executor runs.
    #[default]
    Unknown,
}

impl<T> Fact<T> {
    /// The value, if it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown => None,
        }
    }

    /// This fact if it is known, or else `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match self {
            Self::Known(_) => self,
            Self::Unknown => other,
        }
    }
}

/// Requests that concern documents beyond those that they contain, such as a delete by filter: every shard receives them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WholeShardRequests {
    /// Endpoint of the requests.
    pub endpoint: String,
    /// The request must set at least one of these parameters; empty for all requests to the endpoint.
    pub parameters: Vec<String>,
}

impl WholeShardRequests {
    /// Returns `true` for a request to `endpoint` with these parameters.
    pub fn include(&self, endpoint: &str, parameters: &RequestParameters) -> bool {
        let is_set = |name: &String| parameters.get(name).is_some_and(|value| !value.is_null());
        self.endpoint == endpoint && (self.parameters.is_empty() || self.parameters.iter().any(is_set))
    }
}

/// Kind of content of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentKind {
    /// A text.
    Text,
    /// An image or a clip, as bytes or by its URI.
    Picture,
}

/// Description of an executor with given parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutorDescription {
    /// Endpoints that the executor handles.
    pub endpoints: Fact<Endpoints>,
    /// Order and default number of the matches that it returns; `None` when it returns none.
    pub ranking: Fact<Option<Ranking>>,
    /// Dimension of the embeddings that it reads; `None` when it reads none or accepts any dimension.
    pub input_dimension: Fact<Option<usize>>,
    /// Dimension of the embeddings that it writes; `None` when it writes none or the dimension varies.
    pub output_dimension: Fact<Option<usize>>,
    /// Endpoints, with their batch sizes, at which calls with the documents of several requests are preferred.
    pub batching: Fact<Vec<(String, Batching)>>,
    /// Endpoints that change stored data.
    pub write_endpoints: Fact<Vec<String>>,
    /// Set when its shards report which documents they store, which placement strategies other than `hash` need.
    pub shard_summary: Fact<bool>,
    /// Requests that every shard receives, whatever documents they contain. The shard summary of an instance reports the
    /// same ([`ShardSummary::targets_all`](crate::ShardSummary::targets_all)).
    #[serde(default)]
    pub whole_shard_requests: Vec<WholeShardRequests>,
    /// Set when it stores documents in its workspace.
    pub stores_documents: bool,
    /// Set when documents never occupy more memory after a call than before, so that they need no budget of their own.
    #[serde(default)]
    pub adds_nothing: bool,
    /// State of the model that it runs.
    pub model: ModelState,
    /// Content without which documents fail; `None` when they need none or it is not known.
    pub needed_content: Option<ContentKind>,
    /// Documentation of its endpoints, as far as it has any.
    pub endpoint_help: Vec<EndpointHelp>,
}

impl ExecutorDescription {
    /// A description without any known fact.
    #[must_use]
    pub const fn unknown() -> Self {
        Self {
            endpoints: Fact::Unknown,
            ranking: Fact::Unknown,
            input_dimension: Fact::Unknown,
            output_dimension: Fact::Unknown,
            batching: Fact::Unknown,
            write_endpoints: Fact::Unknown,
            shard_summary: Fact::Unknown,
            whole_shard_requests: Vec::new(),
            stores_documents: false,
            adds_nothing: false,
            model: ModelState::Unknown,
            needed_content: None,
            endpoint_help: Vec::new(),
        }
    }

    /// Description of an instance as [`Instance::new`] creates it: it handles every endpoint, and neither returns matches
    /// nor reads or writes embeddings nor stores documents.
    #[must_use]
    pub const fn plain() -> Self {
        Self {
            endpoints: Fact::Known(Endpoints::All),
            ranking: Fact::Known(None),
            input_dimension: Fact::Known(None),
            output_dimension: Fact::Known(None),
            batching: Fact::Known(Vec::new()),
            write_endpoints: Fact::Known(Vec::new()),
            shard_summary: Fact::Known(false),
            whole_shard_requests: Vec::new(),
            stores_documents: false,
            adds_nothing: false,
            model: ModelState::Unknown,
            needed_content: None,
            endpoint_help: Vec::new(),
        }
    }

    /// Description of an encoder: plain, with an output dimension that is known once its model is open.
    #[must_use]
    pub fn encoder(model: ModelState) -> Self {
        Self { output_dimension: Fact::Unknown, model, ..Self::plain() }
    }

    /// Facts of a running executor. Facts that an [`Instance`] does not have stay unknown.
    #[must_use]
    pub fn from_instance(instance: &Instance) -> Self {
        Self {
            endpoints: Fact::Known(instance.endpoints.clone()),
            ranking: Fact::Known(instance.ranking),
            input_dimension: Fact::Known(instance.input_dimension),
            output_dimension: Fact::Known(instance.output_dimension),
            batching: Fact::Known(instance.batching.clone()),
            shard_summary: Fact::Known(instance.shard_summary.is_some()),
            ..Self::unknown()
        }
    }

    /// Fills unknown facts from `other`; known facts are kept.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            endpoints: self.endpoints.or(other.endpoints),
            ranking: self.ranking.or(other.ranking),
            input_dimension: self.input_dimension.or(other.input_dimension),
            output_dimension: self.output_dimension.or(other.output_dimension),
            batching: self.batching.or(other.batching),
            write_endpoints: self.write_endpoints.or(other.write_endpoints),
            shard_summary: self.shard_summary.or(other.shard_summary),
            whole_shard_requests: match self.whole_shard_requests.is_empty() {
                true => other.whole_shard_requests,
                false => self.whole_shard_requests,
            },
            stores_documents: self.stores_documents || other.stores_documents,
            adds_nothing: self.adds_nothing || other.adds_nothing,
            model: if self.model == ModelState::Unknown { other.model } else { self.model },
            needed_content: self.needed_content.or(other.needed_content),
            endpoint_help: if self.endpoint_help.is_empty() {
                other.endpoint_help
            } else {
                self.endpoint_help
            },
        }
    }

    /// Marks the executor as one after which documents never occupy more memory than before.
    #[must_use]
    pub fn that_adds_nothing(self) -> Self {
        Self { adds_nothing: true, ..self }
    }

    /// Limits the executor to these endpoints.
    #[must_use]
    pub fn with_endpoints<const N: usize>(self, endpoints: [&str; N]) -> Self {
        Self { endpoints: Fact::Known(Endpoints::only(endpoints)), ..self }
    }

    /// Sets the order and the default number of matches.
    #[must_use]
    pub fn with_ranking(self, order: Order, top_k: usize) -> Self {
        Self { ranking: Fact::Known(Some(Ranking { order, top_k })), ..self }
    }

    /// Sets the dimension of the embeddings that the executor writes.
    #[must_use]
    pub fn with_output_dimension(self, dimension: Fact<Option<usize>>) -> Self {
        Self { output_dimension: dimension, ..self }
    }

    /// Sets the dimension of the embeddings that the executor reads.
    #[must_use]
    pub fn with_input_dimension(self, dimension: Fact<Option<usize>>) -> Self {
        Self { input_dimension: dimension, ..self }
    }

    /// Marks the executor as a document store that writes at these endpoints and reports which documents it stores.
    #[must_use]
    pub fn with_storage(self, write_endpoints: &[&str]) -> Self {
        let write_endpoints = write_endpoints.iter().map(|endpoint| (*endpoint).to_owned()).collect();
        Self {
            write_endpoints: Fact::Known(write_endpoints),
            shard_summary: Fact::Known(true),
            stores_documents: true,
            ..self
        }
    }

    /// Sets the requests that every shard receives: pairs of an endpoint and parameters, one of them required.
    #[must_use]
    pub fn with_whole_shard_requests(self, requests: &[(&str, &[&str])]) -> Self {
        let owned = |(endpoint, parameters): &(&str, &[&str])| WholeShardRequests {
            endpoint: (*endpoint).to_owned(),
            parameters: parameters.iter().map(|name| (*name).to_owned()).collect(),
        };
        Self { whole_shard_requests: requests.iter().map(owned).collect(), ..self }
    }

    /// Sets the content without which documents fail, unless the parameters of `build` select other documents than those
    /// that a client sends.
    #[must_use]
    pub fn with_needed_content(self, content: ContentKind, build: &Build) -> Self {
        let selects = ["access_paths", "traversal_paths"].iter().any(|name| build.with.contains_key(*name));
        Self { needed_content: (!selects).then_some(content), ..self }
    }

    /// Documents the endpoints.
    #[must_use]
    pub fn with_endpoint_help(self, endpoint_help: Vec<EndpointHelp>) -> Self {
        Self { endpoint_help, ..self }
    }

    /// Returns the names of the known facts that differ from those of `instance`.
    #[must_use]
    pub fn differences(&self, instance: &Instance) -> Vec<&'static str> {
        let actual = Self::from_instance(instance);
        let differs = [
            ("endpoints", differ(&self.endpoints, &actual.endpoints)),
            ("ranking", differ(&self.ranking, &actual.ranking)),
            ("input_dimension", differ(&self.input_dimension, &actual.input_dimension)),
            ("output_dimension", differ(&self.output_dimension, &actual.output_dimension)),
            ("batching", differ(&self.batching, &actual.batching)),
            ("shard_summary", differ(&self.shard_summary, &actual.shard_summary)),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}

fn differ<T: PartialEq>(described: &Fact<T>, actual: &Fact<T>) -> bool {
    matches!((described, actual), (Fact::Known(described), Fact::Known(actual)) if described != actual)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Call, Executor, ExecutorError};

    struct Nothing;

    impl Executor for Nothing {
        fn execute(&mut self, _: &mut Call<'_>) -> Result<(), ExecutorError> {
            Ok(())
        }
    }

    #[test]
    fn a_plain_description_equals_a_plain_instance() {
        let instance = Instance::new(Nothing);
        assert_eq!(ExecutorDescription::plain().differences(&instance), [""; 0]);
        let described =
            ExecutorDescription { write_endpoints: Fact::Unknown, ..ExecutorDescription::plain() };
        assert_eq!(ExecutorDescription::from_instance(&instance), described);
    }

    #[test]
    fn known_facts_that_differ_from_the_instance_are_listed_and_unknown_facts_are_not() {
        let instance = Instance::new(Nothing).with_output_dimension(Some(3));
        let described = ExecutorDescription::unknown()
            .with_endpoints(["/search"])
            .with_output_dimension(Fact::Known(Some(4)));
        assert_eq!(described.differences(&instance), ["endpoints", "output_dimension"]);
    }

    #[test]
    fn unknown_facts_are_filled_and_known_facts_are_kept() {
        let filled = ExecutorDescription::unknown().with_endpoints(["/a"]).or(ExecutorDescription::plain());
        assert_eq!(filled.endpoints, Fact::Known(Endpoints::only(["/a"])));
        assert_eq!(filled.ranking, Fact::Known(None));
    }

    #[test]
    fn descriptions_survive_serialization() {
        let described =
            ExecutorDescription::unknown().with_ranking(Order::Descending, 3).with_storage(&["/x"]);
        let json = serde_json::to_string(&described).unwrap();
        assert_eq!(serde_json::from_str::<ExecutorDescription>(&json).unwrap(), described);
    }
}
