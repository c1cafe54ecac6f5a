//! The contract between flowrun and its executors.
//!
//! An *executor* is given documents and changes them: it reads images, cuts clips into frames, makes embeddings,
//! searches an index, ranks. The runtime sees executors through this crate alone, and the built-in ones are written
//! against it exactly as a plugin is. What is deliberately not here: pods, channels, YAML, anything of a concrete
//! executor.
//!
//! What an executor has to say ends in the host: lines of the log by [`tracing`], which names the request that they
//! concern, and numbers by [`Metrics`] in its [`Context`].
//!
//! To write one: declare its parameters with [`parameters!`], implement [`Executor`] (it computes) or
//! [`AsyncExecutor`] (it waits), and describe it by an [`ExecutorType`]. Or put [`executor`](mod@endpoint) before an
//! `impl` block, and an endpoint before each method.
//!
//! ```
//! use flowrun_sdk::{AccessPaths, Build, BuildError, Call, Executor, ExecutorError, ExecutorType, Instance, parse_parameters};
//!
//! flowrun_sdk::parameters! {
//!     /// What to append.
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
//! # let context = flowrun_sdk::Context::standalone(".");
//! # let mut bench = flowrun_sdk::testing::ExecutorHarness::new(&SUFFIX, &flowrun_sdk::Value::Null, context).unwrap();
//! # let documents = vec![flowrun_sdk::Document::new("a").with_text("hello")];
//! # let answer = bench.call("/", documents, &flowrun_sdk::Value::Null).unwrap();
//! # assert_eq!(answer.documents[0].text.as_deref(), Some("hello!"));
//! ```

// The attribute writes `::flowrun_sdk`, here as anywhere.
extern crate self as flowrun_sdk;

#[expect(unsafe_code, reason = "it owns a foreign interface")]
pub mod abi;
mod access;
mod answer;
mod call;
mod call_budget;
mod catalog;
mod context;
mod document;
mod documents;
pub mod endpoint;
mod error;
mod executor;
pub mod filter;
pub mod guard;
mod json;
mod library;
mod metrics;
mod origin;
mod parameters;
pub mod protobuf;
mod resampling_filter;
mod shard_summary;
mod siblings;
mod tensor;
pub mod testing;
mod wait;

pub use access::{AccessPathError, AccessPaths};
pub use answer::{Answer, FailedDocument};
pub use async_trait::async_trait;
pub use bytes::Bytes;
pub use call::{Call, RequestParameters, top_k};
pub use call_budget::{CallBudget, Cancellation};
pub use catalog::{Catalog, ExecutorType, Factory, parse_parameters};
pub use context::{Build, Context, Health, SharedState};
pub use document::{Document, NamedScore, Tags};
pub use documents::Documents;
pub use endpoint::executor;
pub use error::{BuildError, ErrorKind, Exception, ExecutorError};
pub use executor::{AsyncExecutor, Batching, BoxedExecutor, Endpoints, Executor, Instance, Order, Ranking};
pub use json::JsonError;
pub use library::{LibraryError, LibraryFault, LibraryRequest, OpenLibrary};
pub use metrics::{Counter, Gauge, MetricKind, MetricSample, Metrics};
pub use origin::Origin;
pub use parameters::{
    DefaultValue, Parameter, ParameterError, ParameterField, ParameterKind, ParameterReader, Parameters,
    RawParameters, check_parameters,
};
pub use resampling_filter::ResamplingFilter;
pub use serde_json::Value;
pub use shard_summary::ShardSummary;
pub use siblings::{SIBLINGS_TAG, tag_sibling_count};
pub use tensor::{DataType, ElementKind, Tensor, TensorError};
pub use tracing;
