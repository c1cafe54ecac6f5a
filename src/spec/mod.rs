//! Stage 2, parse: from a tree to a flow as meant.
//!
//! Both worlds of Jina become one [`FlowSpec`]. Every key is looked up in a table that says what it may hold and what
//! becomes of it; nothing is ignored without a word. Whether names exist, pods form a graph and executors can be
//! found is the business of later stages.

mod batching;
mod condition;
mod dialect;
mod drivers;
mod executor;
mod executor_yaml;
mod exposed;
mod fields;
mod flow;
mod gateway;
mod key;
pub mod keys;
mod legacy;
mod library;
mod modern;
mod normal;
mod path;
mod pod;
mod polling;
mod reader;
mod remote;
mod requests;
mod settings;
mod strategy;
mod uses;

use std::path::Path;

pub use batching::BatchingTable;
pub use condition::Condition;
pub use dialect::Dialect;
pub use executor::{
    ExecutorSpec, Handler, Parameters, PythonModule, Requests, Step, StepTarget, Uses, method_endpoint,
};
pub use exposed::ExposedEndpoint;
pub use flow::{FlowSpec, JobSpec, Join, Needs, PodSpec, PythonSpec, WhenFull};
pub use gateway::{Compression, GatewaySpec, TlsFiles, TracesSpec};
pub use key::{Effect, Key, Kind};
pub use library::LibrarySpec;
pub use normal::normal_form;
pub use polling::{Polling, PollingTable};
pub use strategy::{GroupTag, Strategy, TagStrategy, TimeBuckets, TimeTag};

use crate::diagnostic::{Report, Sources};
use crate::yaml::{Environment, Node};
use reader::Reader;

/// Reads the flow that `root` describes, and the executors' files that it names.
///
/// `None` when the file is no flow at all; otherwise the report may still hold errors.
pub fn parse(
    root: &Node,
    environment: &Environment,
    sources: &mut Sources,
    report: &mut Report,
) -> Option<FlowSpec> {
    let dialect = Dialect::detect(root, report)?;
    let file_name =
        Path::file_stem(sources.path(root.span.file)).map(|stem| stem.to_string_lossy().into_owned());
    let mut reader = Reader { dialect, environment, sources, report };
    let mut flow = match dialect {
        Dialect::Legacy | Dialect::List => legacy::flow(root, &mut reader),
        Dialect::Modern => modern::flow(root, &mut reader),
        Dialect::Deployment => modern::deployment(root, &mut reader),
    };
    if flow.name.is_empty() {
        flow.name = file_name.unwrap_or_default();
    }
    Some(flow)
}
