//! A model that was never opened here is opened in a child process first.
//!
//! Runtimes are large programs that read files which nobody vouches for: a hostile one ends them, or keeps them busy for
//! ever. In a child that costs the child; the flow learns of it as an error. Who has no program to run as a child
//! ([`try_with`]) does without.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::{ModelError, Options};
use crate::runtime;

/// How long a trial may take. A model of a gigabyte took four seconds from a cold disk.
const TRIAL_MAX: Duration = Duration::from_secs(60);

/// How often a child is asked whether it has ended.
const ASKED_EVERY: Duration = Duration::from_millis(5);

/// The most of what a child says that is repeated.
const SAID_BYTES_MAX: u64 = 4096;

/// How a child ends that found the model bad, and said why.
const REFUSED: i32 = 2;

/// The program and its arguments, to which those of a trial are added.
static PROGRAM: OnceLock<(PathBuf, Vec<OsString>)> = OnceLock::new();

/// Says what runs [`open_on_trial`] as a child. Only the first call counts.
pub fn try_with(program: PathBuf, arguments: Vec<OsString>) {
    let _ = PROGRAM.set((program, arguments));
}

/// What the child does: opens the model that its arguments name, and says why it does not open.
///
/// # Errors
/// Why; the child prints it to its standard error and ends with 2.
pub fn open_on_trial(mut arguments: impl Iterator<Item = OsString>) -> Result<(), String> {
    let path = PathBuf::from(arguments.next().unwrap_or_default());
    let mut sizes = Vec::new();
    let mut text = || arguments.next().map(|argument| argument.to_string_lossy().into_owned());
    while let (Some(input), Some(axis), Some(size)) = (text(), text(), text()) {
        sizes.push((input, axis.parse().unwrap_or_default(), size.parse().unwrap_or_default()));
    }
    let runtime = runtime::start().map_err(|error| error.to_string())?;
    let opened = super::open::directly(&path, &Options { sizes, ..Options::default() }, runtime);
    opened.map(drop).map_err(|error| error.to_string())
}

/// Opens the model in a child. Whether that was tried.
pub(super) fn tried(path: &Path, options: &Options) -> Result<bool, ModelError> {
    let Some((program, arguments)) = PROGRAM.get() else { return Ok(false) };
    let mut command = Command::new(program);
    command.args(arguments).arg(path);
    for (input, axis, size) in &options.sizes {
        command.args([input.clone(), axis.to_string(), size.to_string()]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child =
        command.spawn().map_err(|error| ModelError::File(format!("no trial can be made of it: {error}")))?;
    let said = child.stderr.take().map(|stderr| {
        std::thread::spawn(move || {
            let mut said = Vec::new();
            // The rest is read too, so that the child does not wait for a reader.
            let mut stderr = stderr;
            drop(stderr.by_ref().take(SAID_BYTES_MAX).read_to_end(&mut said));
            drop(std::io::copy(&mut stderr, &mut std::io::sink()));
            String::from_utf8_lossy(&said).into_owned()
        })
    });
    let ended = ended(&mut child)
        .map_err(|error| ModelError::File(format!("no trial can be made of it: {error}")))?;
    let said = said.and_then(|said| said.join().ok()).unwrap_or_default();
    match ended {
        Some(status) if status.success() => Ok(true),
        Some(status) if status.code() == Some(REFUSED) => Err(ModelError::Model(said.trim().to_owned())),
        Some(status) => Err(ModelError::Model(format!(
            "opening it ended a trial process ({status}): it is damaged, hostile, or made for another runtime"
        ))),
        None => Err(ModelError::Model(format!("it did not open within {} seconds", TRIAL_MAX.as_secs()))),
    }
}

/// How a child ended; `None` when it had to be ended.
fn ended(child: &mut Child) -> std::io::Result<Option<ExitStatus>> {
    let until = Instant::now() + TRIAL_MAX;
    while Instant::now() < until {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(ASKED_EVERY);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}
