//! `flowrun graph`: draws a flow.

use std::io::Write as _;

use super::arguments::GraphOptions;
use super::exit::Exit;
use super::run::complain;
use crate::diagnostic::{Report, Severity, Sources};
use crate::graph::draw::draw;

/// Reads the flow and prints its picture.
pub(super) fn graph(options: &GraphOptions) -> anyhow::Result<Exit> {
    let catalog = crate::catalog::built_in();
    let (mut sources, mut report) = (Sources::default(), Report::new(options.flow.policy(true)));
    let read =
        crate::read(&options.flow.flow, &options.flow.environment(), &catalog, &mut sources, &mut report);
    complain(&report, &sources, Severity::Warning)?;
    if let (Some((graph, _)), false) = (read, report.has_errors()) {
        let mut out = std::io::stdout().lock();
        out.write_all(draw(&graph, options.format).as_bytes())?;
        out.flush()?;
        return Ok(Exit::Done);
    }
    Ok(Exit::Usage)
}
