//! `flowrun check`: what is wrong with a flow, what it means, and how much memory it may hold.

use std::io::{IsTerminal as _, Write as _};

use super::arguments::CheckOptions;
use super::exit::Exit;
use crate::diagnostic::{Format, Report, Severity, Sources, render};
use crate::spec::normal_form;

/// Reads the flow and prints what there is to say.
pub(super) fn check(options: &CheckOptions) -> anyhow::Result<Exit> {
    let catalog = crate::catalog::built_in();
    let (mut sources, mut report) = (Sources::default(), Report::new(options.flow.policy(true)));
    let read =
        crate::read(&options.flow.flow, &options.flow.environment(), &catalog, &mut sources, &mut report);
    let mut out = std::io::stdout().lock();
    let colour = out.is_terminal();
    out.write_all(render(&report, &sources, options.format, colour).as_bytes())?;
    if options.format == Format::Human {
        if let Some((graph, topology)) = read {
            writeln!(out, "{}", normal_form(graph.spec()))?;
            writeln!(out, "{topology}")?;
        }
        writeln!(out, "{}", verdict(&report))?;
    }
    out.flush()?;
    Ok(if report.has_errors() { Exit::Usage } else { Exit::Done })
}

/// The last line.
pub(super) fn verdict(report: &Report) -> String {
    let count = |severity: Severity| {
        let count = report.count(severity);
        (count > 0).then(|| format!("{count} {}{}", severity.name(), if count == 1 { "" } else { "s" }))
    };
    let counts: Vec<String> =
        [Severity::Error, Severity::Warning, Severity::Note].into_iter().filter_map(count).collect();
    let lenient = if report.lenient_accepts_all() { "; `--lenient` runs it as Jina would" } else { "" };
    if counts.is_empty() {
        "nothing to complain of".to_owned()
    } else {
        let omitted = match report.omitted() {
            0 => String::new(),
            omitted => format!(" ({omitted} not shown)"),
        };
        format!("{}{omitted}{lenient}", counts.join(", "))
    }
}
