//! The contract between flowrun and its executors.
//!
//! An *executor* receives documents and changes them: it reads images, cuts clips into frames, computes embeddings,
//! searches an index, ranks matches. The runtime sees executors through this crate alone, and the built-in executors are
//! written against it exactly as plugins are. Deliberately not here: pods, channels, YAML, concrete executors,
//! and the messages between processes, which are in the crate `flowrun-wire`.
//!
//! Log lines of an executor ([`tracing`]) appear in the log of the flow with the id of the request, and its [`Metrics`]
//! appear among the metrics of the flow.
//!
//! # Writing an executor
//!
//! Either put the attribute [`executor`](mod@endpoint) on an `impl` block, with one method per endpoint. Or implement
//! [`Executor`] (CPU-bound, one thread per replica) or [`AsyncExecutor`] (I/O-bound, concurrent calls) and describe it
//! by an [`ExecutorType`]:
//!
//! ```
//! use flowrun_sdk::{
//!     AccessPaths, Build, BuildError, Call, Executor, ExecutorError, ExecutorType, Instance, parse_parameters,
//! };
//!
//! flowrun_sdk::parameters! {
//!     /// Parameters of `Suffix`.
//!     struct SuffixParameters {
//!         /// Appended to every text.
//!         suffix: String = "!".to_owned(),
//!     }
//! }
//!
//! struct Suffix(SuffixParameters);
//!
//! impl Executor for Suffix {
//!     fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
//!         call.for_each(&AccessPaths::roots(), |document| {
//!             let text = document.text.as_ref().ok_or_else(|| ExecutorError::input("the document has no text"))?;
//!             document.text = Some(format!("{text}{}", self.0.suffix).into());
//!             Ok(())
//!         })
//!     }
//! }
//!
//! fn create(build: &Build) -> Result<Instance, BuildError> {
//!     Ok(Instance::new(Suffix(parse_parameters(build)?)))
//! }
//!
//! static SUFFIX: ExecutorType = ExecutorType::new::<SuffixParameters>("Suffix", "Appends to texts.", create);
//!
//! // Without a flow, as in tests:
//! use flowrun_sdk::{Context, Document, Value, testing::ExecutorHarness};
//!
//! let mut harness = ExecutorHarness::new(&SUFFIX, &Value::Null, Context::standalone("."))?;
//! let answer = harness.call("/", vec![Document::new("a").with_text("hello")], &Value::Null)?;
//! assert_eq!(answer.documents[0].text.as_deref(), Some("hello!"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// The attribute macro writes `::flowrun_sdk`, also for executors in this crate's tests.
extern crate self as flowrun_sdk;

#[expect(unsafe_code, reason = "it owns a foreign interface")]
pub mod abi;
mod access_paths;
mod add_chunks;
mod answer;
mod block_on;
mod cache_directory;
mod call;
mod call_budget;
mod cancellation;
mod catalog;
mod client_regex;
mod context;
mod decode_budget;
mod description;
mod document;
mod document_sink;
mod documents;
pub mod endpoint;
mod endpoint_help;
mod error;
mod executor;
mod executor_type;
pub mod filter;
#[cfg(test)]
mod fuzz;
pub mod guard;
mod health;
mod instance;
mod json;
mod library_error;
mod memory;
mod metrics;
mod model_state;
mod origin;
mod panic_message;
mod parameters;
mod part_error;
pub mod protobuf;
mod resampling_filter;
mod shard_summary;
mod shared_state;
mod sibling_count;
mod suggest;
mod tensor;
pub mod testing;
mod value_preview;

pub use access_paths::{AccessPathError, AccessPaths};
pub use add_chunks::add_chunks;
pub use answer::{Answer, FailedDocument};
pub use async_trait::async_trait;
pub use bytes::Bytes;
pub use cache_directory::{cache_directory, model_directory, user_cache_directory};
pub use call::{Call, RequestParameters, top_k};
pub use call_budget::CallBudget;
pub use cancellation::{CancelGuard, Cancellation};
pub use catalog::{Catalog, LibraryOpener, LibraryRequest};
pub use client_regex::ClientRegex;
pub use context::{Build, Context};
pub use decode_budget::{DecodeBudget, DecodeBudgetError, DecodeBudgetMark};
pub use description::{ContentKind, ExecutorDescription, Fact, WholeShardRequests};
pub use document::{DISTANCE_SCORES, DocarrayFields, Document, FIELD_RECORD_TAG, NamedScore, Tags};
pub use document_sink::DocumentSink;
pub use documents::Documents;
pub use endpoint::executor;
pub use endpoint_help::{EndpointHelp, ParameterHelp};
pub use error::{BuildError, ErrorKind, Exception, ExecutorError};
pub use executor::{AsyncExecutor, Executor};
pub use executor_type::{ExecutorType, Factory, parse_parameters};
pub use health::Health;
pub use instance::{Batching, BoxedExecutor, Endpoints, Instance, Order, Ranking};
pub use json::JsonError;
pub use library_error::{LibraryError, LibraryFault};
pub use metrics::{Counter, Gauge, MetricKind, MetricSample, Metrics};
pub use model_state::{MissingModel, ModelState};
pub use origin::Origin;
pub use panic_message::panic_message;
pub use parameters::{
    DefaultValue, Parameter, ParameterError, ParameterField, ParameterKind, ParameterReader, Parameters,
    RawParameters, check_parameters,
};
pub use part_error::with_part_id;
pub use resampling_filter::ResamplingFilter;
pub use serde_json::Value;
pub use shard_summary::ShardSummary;
pub use shared_state::SharedState;
pub use sibling_count::{SIBLINGS_TAG, tag_sibling_count};
pub use suggest::{did_you_mean, suggest};
pub use tensor::{DataType, ElementKind, Tensor, TensorError};
pub use tracing;
