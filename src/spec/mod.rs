//! Stage 2, parse: from a tree of nodes to a validated [`FlowSpec`].
//!
//! Every dialect of Jina becomes the same form. Every key is looked up in a [table](keys) of its accepted values and its
//! effect; none is ignored silently. Later stages check that names exist, that pods form an acyclic graph, and that
//! executors can be found.

mod batching;
mod choices;
mod condition;
mod cors;
mod dialect;
mod drivers;
mod endpoint;
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
mod placement;
mod pod;
mod polling;
mod reader;
mod reducer;
mod remote;
mod requests;
mod settings;
mod strategy;
#[cfg(test)]
mod tests;
mod tokens;
mod uses;
mod value;

use std::path::Path;

pub use batching::BatchingTable;
pub use choices::{Compression, WhenFull};
pub use condition::Condition;
pub use cors::Cors;
pub use dialect::Dialect;
pub use endpoint::method_endpoint;
pub(crate) use executor::REMOTE_EXECUTOR;
pub use executor::{
    ExecutorSpec, Handler, LibrarySpec, Parameters, PythonModule, Requests, Step, StepTarget, Uses,
};
pub use exposed::ExposedEndpoint;
pub use flow::{FlowSpec, JobSpec};
pub use gateway::{GatewaySpec, TlsFiles, TracesSpec};
pub use key::{KeyRow, Support};
pub use normal::normal_form;
pub use placement::{PlacedPod, PlacementSpec, parse_placement};
pub use pod::{Join, Needs, PodSpec, PythonSpec};
pub use polling::{Polling, PollingTable};
pub use strategy::{GroupTag, Strategy, TagStrategy, TimeBuckets, TimeTag};
pub use tokens::{TokenSource, TokenSpec};
pub use value::ValueKind;

use crate::diagnostic::{Report, Sources};
use crate::yaml::{Environment, Node};
use reader::Reader;

/// Parses the flow `root`, and the files of executors that it names.
///
/// `None` when the file is not a flow; otherwise the report may still contain errors.
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
