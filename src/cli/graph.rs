//! `flowrun graph`: a drawing of the graph of a flow.

use std::io::Write as _;

use clap::Args;

use super::exit::Exit;
use super::flow_file::FlowOptions;
use crate::diagnostic::Severity;
use crate::graph::draw::{Format, draw};

/// Options of `flowrun graph`.
#[derive(Debug, Args)]
pub(super) struct GraphOptions {
    #[command(flatten)]
    flow: FlowOptions,
    /// Output format of the drawing.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Reads the flow and prints the drawing.
pub(super) fn graph(options: &GraphOptions) -> anyhow::Result<Exit> {
    let file = options.flow.inspect();
    file.checked(Severity::Warning)?;
    let Some(graph) = file.graph else { return Ok(Exit::Usage) };
    let graph = graph.map_texts(|text| file.sources.variables.as_written(text).into_owned());
    let mut out = std::io::stdout().lock();
    out.write_all(draw(&graph, options.format).as_bytes())?;
    out.flush()?;
    Ok(Exit::Done)
}
