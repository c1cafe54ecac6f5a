//! `flowrun check`: diagnostics of flow files, the normal form of a flow, and its topology with the memory bound.
//!
//! The exit status is the one that `flowrun run` has before it launches anything. A service's token and address are not
//! checked, because they belong to the machine that it is deployed to.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::diagnostics::counts;
use super::exit::{EarlyExit, Exit};
use super::flow_file::{FlowFile, PlacementOption, ReadOptions};
use super::job_options::JobOptions;
use super::terminal::has_colour;
use crate::diagnostic::{Code, Diagnostic, Format, Report, Sources, render_all};
use crate::gateway::Tls;
use crate::spec::normal_form;
use crate::topology::Machine;

/// Options of `flowrun check`.
#[derive(Debug, Args)]
pub(super) struct CheckOptions {
    /// YAML files of flows. Of several files only the diagnostics are printed.
    #[arg(value_name = "FLOW", required = true)]
    flows: Vec<PathBuf>,
    #[command(flatten)]
    placement: PlacementOption,
    #[command(flatten)]
    read: ReadOptions,
    /// Output format of the diagnostics.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Reads the flows and prints the diagnostics to standard output; in the format for people also the number of
/// diagnostics, and of a single flow its normal form and its topology.
pub(super) fn check(options: &CheckOptions) -> anyhow::Result<Exit> {
    if options.placement.placement.is_some() && options.flows.len() > 1 {
        return Err(EarlyExit::usage("a placement belongs to one flow: name only that flow").into());
    }
    let read = |path: &PathBuf| options.read.flow(path, &options.placement);
    let mut files: Vec<FlowFile> = options.flows.iter().map(read).collect();
    files.iter_mut().for_each(check_use);
    let mut out = std::io::stdout().lock();
    let colour = has_colour(&out);
    if options.format == Format::Human {
        for (path, file) in options.flows.iter().zip(&files) {
            out.write_all(render_all(&[(&file.report, &file.sources)], Format::Human, colour).as_bytes())?;
            match files.len() {
                1 => print_plan(&mut out, file)?,
                _ => write!(out, "{}: ", path.display())?,
            }
            writeln!(out, "{}", counts(&file.report))?;
        }
    } else {
        let reports: Vec<(&Report, &Sources)> =
            files.iter().map(|file| (&file.report, &file.sources)).collect();
        out.write_all(render_all(&reports, options.format, colour).as_bytes())?;
    }
    out.flush()?;
    let has_errors = files.iter().any(|file| file.report.has_errors());
    Ok(if has_errors { Exit::Usage } else { Exit::Done })
}

/// Reports the mistakes that `flowrun run` finds after planning the topology: in the batch job if the flow has an input,
/// otherwise in the certificate of the service. Compares the memory bound with this machine.
fn check_use(file: &mut FlowFile) {
    let FlowFile { topology: Some(topology), report, .. } = file else { return };
    if let Some(warning) = Machine::local().memory.and_then(|memory| topology.memory.warning(memory)) {
        report.push(warning);
    }
    if !topology.job.input.is_empty() {
        JobOptions::default().plan(topology, report);
    } else if let Some(files) = topology.gateway.tls.clone()
        && let Err(error) = Tls::read(files)
    {
        report.push(Diagnostic::new(Code::FileUnreadable, error.to_string()));
    }
}

fn print_plan(out: &mut impl std::io::Write, file: &FlowFile) -> std::io::Result<()> {
    let (Some(graph), Some(topology)) = (&file.graph, &file.topology) else { return Ok(()) };
    let variables = &file.sources.variables;
    writeln!(out, "{}", normal_form(graph.spec(), variables))?;
    write!(out, "{}", variables.as_written(&topology.to_string()))?;
    if let Some(memory) = Machine::local().memory {
        writeln!(out, "{}", topology.memory.compared_with(memory))?;
    }
    writeln!(out)
}
