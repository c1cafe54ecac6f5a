//! The operating system process of a child: starts it with a socket as standard input, and when it ends, kills the rest of
//! its process group and reaps it.

use std::fmt::Display;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;

use flowrun_sdk::tracing;
use parking_lot::Mutex;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, setpriority_process, waitid,
};
use tokio::sync::oneshot;

use super::guardian;

/// Stack size in bytes of the thread that waits for a child. It does nothing else.
const STACK_BYTES: usize = 256 << 10;

/// The process of a child and its process group.
pub(crate) struct ChildProcess {
    /// Process id, which is also the id of the process group.
    pub(crate) pid: Pid,
    /// Name of the worker in log lines.
    worker: Arc<str>,
    /// True until the process has been reaped. Until then its process id cannot be reused, so that signals are safe.
    unreaped: Mutex<bool>,
}

impl ChildProcess {
    /// Kills the process group.
    pub(crate) fn kill(&self) {
        if *self.unreaped.lock() {
            let _ = kill_process_group(self.pid, Signal::KILL);
        }
    }

    /// Kills the process group because of a fault of the child, and logs that. `fault` is a sentence without a full stop.
    pub(crate) fn kill_for(&self, fault: impl Display) {
        let pid = self.pid.as_raw_pid();
        tracing::error!(pod = &*self.worker, pid, "the executor's process was killed: {fault}");
        self.kill();
    }

    /// Sends SIGUSR1 to the process, which then checks whether the running call was cancelled.
    pub(crate) fn interrupt(&self) {
        if *self.unreaped.lock() {
            let _ = kill_process(self.pid, Signal::USR1);
        }
    }
}

/// A started process with the parent's ends of its streams.
pub(crate) struct SpawnedChild {
    pub(crate) process: Arc<ChildProcess>,
    /// The parent's end of the socket pair whose other end is the child's standard input.
    pub(crate) socket: UnixStream,
    pub(crate) stdout: ChildStdout,
    pub(crate) stderr: ChildStderr,
    /// Receives the exit status.
    pub(crate) exit: oneshot::Receiver<ExitStatus>,
}

/// Starts the process of `worker` in its own process group.
///
/// A dedicated thread starts it and waits for it, because the kernel kills a process with `PR_SET_PDEATHSIG` when the
/// *thread* that started it ends. The process inherits the niceness of that thread.
///
/// # Errors
/// If the process cannot be started.
pub(crate) async fn spawn(mut command: Command, worker: Arc<str>, niceness: i32) -> io::Result<SpawnedChild> {
    let (socket, child_socket) = UnixStream::pair()?;
    command.stdin(OwnedFd::from(child_socket)).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let (result, started) = oneshot::channel();
    let run = move || {
        if cfg!(target_os = "linux") {
            // Without the permission, the child runs at the priority of this process.
            let _ = setpriority_process(None, niceness);
        }
        match start(command, worker, socket) {
            Ok((child, spawned, exit)) => {
                let process = Arc::clone(&spawned.process);
                if result.send(Ok(spawned)).is_err() {
                    process.kill();
                }
                wait(child, &process, exit);
            }
            Err(error) => drop(result.send(Err(error))),
        }
    };
    thread::Builder::new().name("child".to_owned()).stack_size(STACK_BYTES).spawn(run)?;
    started.await.unwrap_or_else(|_| Err(io::Error::other("the thread of the child process panicked")))
}

type Started = (Child, SpawnedChild, oneshot::Sender<ExitStatus>);

/// Starts the process and registers its process group with the guardian. `socket` is the parent's end.
fn start(mut command: Command, worker: Arc<str>, socket: UnixStream) -> io::Result<Started> {
    let mut child = command.spawn()?;
    // Closes the parent's copy of the child's end, so that the socket closes when either process ends.
    drop(command);
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (Some(pid), Some(stdout), Some(stderr)) = (pid, child.stdout.take(), child.stderr.take()) else {
        return Err(io::Error::other("the child process has no process id or no pipes"));
    };
    guardian::add_group(pid);
    let process = Arc::new(ChildProcess { pid, worker, unreaped: Mutex::new(true) });
    let (exit_sender, exit) = oneshot::channel();
    Ok((child, SpawnedChild { process, socket, stdout, stderr, exit }, exit_sender))
}

/// Waits until the process ends, kills the rest of its process group, and reaps it.
fn wait(mut child: Child, process: &ChildProcess, exit: oneshot::Sender<ExitStatus>) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while matches!(waitid(WaitId::Pid(process.pid), options), Err(rustix::io::Errno::INTR)) {}
    let status = {
        let mut unreaped = process.unreaped.lock();
        // Before the process is reaped, because its id could be reused afterwards.
        let _ = kill_process_group(process.pid, Signal::KILL);
        let status = child.wait();
        *unreaped = false;
        status
    };
    guardian::remove_group(process.pid);
    if let Ok(status) = status {
        let _ = exit.send(status);
    }
}

/// Describes an exit status, as the predicate of a sentence: "was ended by signal 9 (kill)".
pub(crate) fn describe_exit(status: ExitStatus) -> String {
    let name = |signal| match signal {
        4 => " (illegal instruction)",
        6 => " (abort)",
        7 => " (bus error)",
        8 => " (arithmetic error)",
        9 => " (kill)",
        11 => " (segmentation fault)",
        15 => " (terminated)",
        _ => "",
    };
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}{}", name(signal)),
        (None, None) => "ended".to_owned(),
    }
}
