//! Trial opening of unknown models in a child process.
//!
//! A malicious model file can crash a runtime or keep it busy for ever. In a child process only the child is lost, and
//! the flow gets an error. Without a program to run as the child ([`set_trial_program`]) there is no trial. The child
//! itself runs [`trial_child`](super::trial_child).

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use flowrun_sdk::guard;

use super::{ModelError, Options};

/// Time limit of a trial. A model of 1 GB took 4 s from a cold disk.
const TRIAL_MAX: Duration = Duration::from_secs(60);

/// Interval of checking whether the child has exited.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Largest part of the child's standard error that is used in messages, in bytes.
const STDERR_BYTES_MAX: u64 = 4096;

/// Exit code of a child that rejected the model and printed the reason.
const EXIT_REJECTED: i32 = 2;

/// Program of the child and its first arguments, which are followed by those of the trial.
static PROGRAM: OnceLock<(PathBuf, Vec<OsString>)> = OnceLock::new();

/// Sets the program that calls [`run_trial_child`](super::run_trial_child) as a child process. `arguments` precede those of
/// the trial. Only the first call has an effect.
pub fn set_trial_program(program: PathBuf, arguments: Vec<OsString>) {
    let _ = PROGRAM.set((program, arguments));
}

/// Opens the model in a child process, on the CPU. Returns false, without a trial, if no program is set.
///
/// # Errors
/// The reason why the model does not open: the child rejected it, crashed, exceeded the time limit or could not be started.
pub(super) fn run(path: &Path, options: &Options) -> Result<bool, ModelError> {
    let Some((program, arguments)) = PROGRAM.get() else { return Ok(false) };
    let mut command = Command::new(program);
    guard::remove_hidden_variables(&mut command);
    command.args(arguments).arg(path);
    for (input, axis, size) in &options.sizes {
        command.args([input.clone(), axis.to_string(), size.to_string()]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| {
        ModelError::File(format!("the trial process that opens the model failed: {error}"))
    })?;
    let said = child.stderr.take().map(|stderr| {
        std::thread::spawn(move || {
            let mut said = Vec::new();
            // The rest is discarded, so that the child does not block on a full pipe.
            let mut stderr = stderr;
            drop(stderr.by_ref().take(STDERR_BYTES_MAX).read_to_end(&mut said));
            drop(std::io::copy(&mut stderr, &mut std::io::sink()));
            String::from_utf8_lossy(&said).into_owned()
        })
    });
    let ended = ended(&mut child).map_err(|error| {
        ModelError::File(format!("the trial process that opens the model failed: {error}"))
    })?;
    let said = said.and_then(|said| said.join().ok()).unwrap_or_default();
    match ended {
        Some(status) if status.success() => Ok(true),
        Some(status) if status.code() == Some(EXIT_REJECTED) => {
            Err(ModelError::Model(said.trim().to_owned()))
        }
        Some(status) => Err(ModelError::Model(format!(
            "opening the model crashed its trial process ({status}): the file is damaged, hostile, or made for another runtime"
        ))),
        None => {
            Err(ModelError::Model(format!("the model did not open within {} seconds", TRIAL_MAX.as_secs())))
        }
    }
}

/// Waits for the child to exit; `None` if it was killed after the time limit.
fn ended(child: &mut Child) -> std::io::Result<Option<ExitStatus>> {
    let until = Instant::now() + TRIAL_MAX;
    while Instant::now() < until {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}
