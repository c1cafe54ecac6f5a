//! A bounded process, which never outlives its handle.

use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use flowrun_sdk::ExecutorError;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::programs::start_error;
use crate::time_limit::TimeLimit;

/// Interval of checking whether a process has ended whose output has ended.
const WAIT_INTERVAL: Duration = Duration::from_millis(1);

/// A running process and the processes that it starts. Dropping it kills all of them and reaps the process.
#[derive(Debug)]
pub(super) struct BoundedChild {
    child: Child,
    /// Id of the process and of its process group; `None` once the process is reaped, since the id may be reused then.
    pid: Option<Pid>,
}

/// A started process and its output.
pub(super) struct Started {
    pub(super) child: BoundedChild,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

/// Starts a process that reads `video` and may run until `time_limit`.
///
/// # Errors
/// If it cannot be started; for a missing program with the command that installs it.
pub(super) fn start(
    mut command: Command,
    mut video: &File,
    time_limit: &TimeLimit<'_>,
) -> Result<Started, ExecutorError> {
    let failed = |error: &std::io::Error| {
        ExecutorError::resource(format_args!("cannot pass the video to ffmpeg: {error}"))
    };
    // On systems where `/dev/fd/0` is a duplicate, the process before has moved the position.
    video.seek(SeekFrom::Start(0)).map_err(|error| failed(&error))?;
    let input = video.try_clone().map_err(|error| failed(&error))?;
    // In a group of its own, the process does not receive the signals of the terminal: flowrun drains after Ctrl-C.
    command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|error| start_error(&command, &error))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let child = BoundedChild { child, pid };
    child.limit(time_limit);
    match (stdout, stderr) {
        (Some(stdout), Some(stderr)) => Ok(Started { child, stdout, stderr }),
        _ => Err(ExecutorError::resource("the process has no output pipes")),
    }
}

impl BoundedChild {
    /// Bounds the memory of the process and the processor time that is left to it if flowrun is killed, and forbids it to
    /// write files.
    #[cfg(target_os = "linux")]
    fn limit(&self, time_limit: &TimeLimit<'_>) {
        use rustix::process::{Resource, Rlimit, prlimit};

        use crate::limits::PROCESS_BYTES_MAX;

        // Without an id, the limits would be those of this process.
        let Some(pid) = self.pid else { return };
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
        let cpu_seconds = time_limit.timeout().as_secs().saturating_add(1).saturating_mul(cores);
        for (resource, bound) in
            [(Resource::As, PROCESS_BYTES_MAX), (Resource::Cpu, cpu_seconds), (Resource::Fsize, 0)]
        {
            let limit = Rlimit { current: Some(bound), maximum: Some(bound) };
            // Fails only if the process has ended.
            let _ = prlimit(Some(pid), resource, limit);
        }
    }

    /// Other systems have no limits for running processes.
    #[cfg(not(target_os = "linux"))]
    fn limit(&self, _: &TimeLimit<'_>) {}

    /// Waits for the end of a process whose output has ended.
    ///
    /// # Errors
    /// Those of [`TimeLimit::check`].
    pub(super) fn wait(
        mut self,
        time_limit: &TimeLimit<'_>,
        work: &str,
    ) -> Result<ExitStatus, ExecutorError> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        while let Some(pid) = self.pid {
            match waitid(WaitId::Pid(pid), options) {
                Ok(None) | Err(Errno::INTR) => time_limit.check(work)?,
                // It has ended, or it cannot be waited for, which `end` reports.
                Ok(Some(_)) | Err(_) => break,
            }
            std::thread::sleep(WAIT_INTERVAL);
        }
        self.end()
            .map_err(|error| ExecutorError::resource(format_args!("cannot wait for a process: {error}")))
    }

    /// Kills the process and those that it started, and reaps it.
    fn end(&mut self) -> std::io::Result<ExitStatus> {
        if let Some(pid) = self.pid.take() {
            // Fails only if all of them have ended.
            let _ = kill_process_group(pid, Signal::KILL);
        }
        self.child.wait()
    }
}

impl Drop for BoundedChild {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// Reason of an unsuccessful end, for a message about `program`.
pub(super) fn describe_end(program: &str, status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("`{program}` ended with exit status {code}"),
        (None, Some(signal)) => format!("`{program}` was ended by signal {signal}"),
        (None, None) => format!("`{program}` ended"),
    }
}
