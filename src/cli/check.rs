//! `flowrun check`: diagnostics of a flow file, its normal form, and its topology with the memory bound.

use std::io::{IsTerminal as _, Write as _};

use clap::Args;

use super::diagnostics::counts;
use super::exit::Exit;
use super::flow_file::{FlowFile, FlowOptions};
use crate::diagnostic::{Format, render};
use crate::spec::normal_form;

/// Options of `flowrun check`.
#[derive(Debug, Args)]
pub(super) struct CheckOptions {
    #[command(flatten)]
    flow: FlowOptions,
    /// Output format of the diagnostics.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Reads the flow and prints the diagnostics to standard output; in the format for people also its normal form and its
/// topology.
pub(super) fn check(options: &CheckOptions) -> anyhow::Result<Exit> {
    let FlowFile { graph, topology, sources, report, .. } = options.flow.inspect();
    let mut out = std::io::stdout().lock();
    let colour = out.is_terminal();
    out.write_all(render(&report, &sources, options.format, colour).as_bytes())?;
    if options.format == Format::Human {
        if let (Some(graph), Some(topology)) = (graph, topology) {
            writeln!(out, "{}", normal_form(graph.spec()))?;
            writeln!(out, "{topology}")?;
        }
        writeln!(out, "{}", counts(&report))?;
    }
    out.flush()?;
    Ok(if report.has_errors() { Exit::Usage } else { Exit::Done })
}
