//! Where results go: JSON lines into a file or to standard output, a table for people.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;

use super::table::Results;
use crate::runtime::Response;

/// Where results go.
pub struct Output {
    lines: Option<Box<dyn Write + Send>>,
    table: Option<Results>,
}

impl Output {
    /// Results go into the file at `path` as JSON lines, `-` being standard output, and unless that is taken the first
    /// ones are shown as a table at the end.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn new(path: Option<&Path>) -> io::Result<Self> {
        let lines: Option<Box<dyn Write + Send>> = match path {
            None => None,
            Some(path) if path == Path::new("-") => Some(Box::new(BufWriter::new(io::stdout()))),
            Some(path) => Some(Box::new(BufWriter::new(File::create(path)?))),
        };
        let standard = path == Some(Path::new("-"));
        Ok(Self { lines, table: (!standard).then(Results::default) })
    }

    /// Takes the results of one request. Whoever closes the pipe has read enough; the job goes on, because it may
    /// write more than results.
    pub(super) fn write(&mut self, response: &Response) -> io::Result<()> {
        match self.write_lines(response) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                tracing::warn!("nobody reads the results any more; the job goes on without writing them");
                self.lines = None;
            }
            written => written?,
        }
        if let Some(table) = &mut self.table {
            response.documents.iter().for_each(|document| table.add(document));
            table.say(&response.results);
        }
        Ok(())
    }

    fn write_lines(&mut self, response: &Response) -> io::Result<()> {
        let Some(lines) = &mut self.lines else { return Ok(()) };
        for document in &response.documents {
            serde_json::to_writer(&mut *lines, document)?;
            writeln!(lines)?;
        }
        // Whoever reads along sees results when they are there.
        lines.flush()
    }

    /// Shows the table.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let Some(table) = self.table.take() else { return Ok(()) };
        let width = io::stdout().is_terminal().then_some(()).and_then(|()| comfy_table::Table::new().width());
        table.print(&mut io::stdout().lock(), width)
    }
}
