//! Options of a batch job that is continued, or shared by several processes.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::job::{Checkpoint, Job, Output, Part};

/// Checkpoint and part of a batch job.
#[derive(Debug, Default, Args)]
pub(super) struct ContinuationOptions {
    /// File that records the documents that succeed. The same command with the same file skips them, and tries those again that
    /// failed.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Part of the input to process, so that N processes share a job: `1/4` to `4/4`. All must name the same paths.
    #[arg(long, value_name = "I/N")]
    pub(super) part: Option<Part>,
}

impl ContinuationOptions {
    /// Returns whether any option is given.
    pub(super) fn is_given(&self) -> bool {
        let Self { checkpoint, part } = self;
        checkpoint.is_some() || part.is_some()
    }

    /// Opens the checkpoint, if one is named, and the output where the checkpoint ends.
    ///
    /// # Errors
    /// Names the file that cannot be opened, or is used for two purposes.
    pub(super) fn open(
        &self,
        job: &Job,
        output: Option<&Path>,
    ) -> Result<(Option<Checkpoint>, Output), String> {
        let Some(path) = &self.checkpoint else { return Ok((None, Output::new(output)?)) };
        let others = job.inputs.iter().map(|input| ("an input", input.path()));
        let others = others.chain(output.map(|output| ("the output", output)));
        if let Some((name, _)) = others.into_iter().find(|(_, other)| is_same_file(path, other)) {
            return Err(format!("the checkpoint {} is {name} of the job; name another file", path.display()));
        }
        let checkpoint = Checkpoint::open(path, &job.endpoint, &job.parameters, self.part, output)?;
        let output = Output::continued(output, checkpoint.output_bytes())?;
        Ok((Some(checkpoint), output))
    }
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let canonical = |path: &Path| path.canonicalize().ok();
    one == other || canonical(one).is_some_and(|one| canonical(other) == Some(one))
}
