//! One child process: started with a socket as its standard input, and reaped together with all that it started.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, setpriority_process, waitid,
};
use tokio::sync::oneshot;

use crate::guardian;

/// Stack of the thread that waits for a child, in bytes: it does nothing else.
const STACK_BYTES: usize = 256 << 10;

/// A child and its group, for as long as there is one.
pub(crate) struct Process {
    pub(crate) pid: Pid,
    /// Whether the process is there, or what is left of it: its number means nobody else.
    there: Mutex<bool>,
}

impl Process {
    /// Ends the child and everything in its group at once.
    pub(crate) fn kill(&self) {
        if *self.there.lock() {
            let _ = kill_process_group(self.pid, Signal::KILL);
        }
    }

    /// Asks the child to stop what it is at.
    pub(crate) fn interrupt(&self) {
        if *self.there.lock() {
            let _ = kill_process(self.pid, Signal::USR1);
        }
    }
}

/// A child that was started, and everything that it is reached by.
pub(crate) struct Spawned {
    pub(crate) process: Arc<Process>,
    pub(crate) socket: UnixStream,
    pub(crate) stdout: ChildStdout,
    pub(crate) stderr: ChildStderr,
    /// How it ended, once it has.
    pub(crate) exit: oneshot::Receiver<ExitStatus>,
}

/// Starts a child, in a process group of its own. A thread starts it and waits for it: the kernel ends a child with the
/// thread that started it, when the child asked for that. It inherits the niceness of that thread too.
pub(crate) async fn spawn(mut command: Command, niceness: i32) -> io::Result<Spawned> {
    let (socket, theirs) = UnixStream::pair()?;
    command.stdin(OwnedFd::from(theirs)).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let (tell, told) = oneshot::channel();
    let run = move || {
        if cfg!(target_os = "linux") {
            // Where it may not, the child has the priority of this process.
            let _ = setpriority_process(None, niceness);
        }
        match start(command, socket) {
            Ok((child, spawned, exit)) => {
                let process = Arc::clone(&spawned.process);
                if tell.send(Ok(spawned)).is_err() {
                    process.kill();
                }
                wait(child, &process, exit);
            }
            Err(error) => drop(tell.send(Err(error))),
        }
    };
    thread::Builder::new().name("child".to_owned()).stack_size(STACK_BYTES).spawn(run)?;
    told.await.unwrap_or_else(|_| Err(io::Error::other("the thread of the child process died")))
}

type Started = (std::process::Child, Spawned, oneshot::Sender<ExitStatus>);

fn start(mut command: Command, socket: UnixStream) -> io::Result<Started> {
    let mut child = command.spawn()?;
    // Closes our copy of the child's end: from now on the socket ends with either of us.
    drop(command);
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (Some(pid), Some(stdout), Some(stderr)) = (pid, child.stdout.take(), child.stderr.take()) else {
        return Err(io::Error::other("the child process cannot be reached"));
    };
    guardian::watch(pid);
    let process = Arc::new(Process { pid, there: Mutex::new(true) });
    let (tell, exit) = oneshot::channel();
    Ok((child, Spawned { process, socket, stdout, stderr, exit }, tell))
}

/// Waits for the end of a child, and ends what it leaves behind.
fn wait(mut child: std::process::Child, process: &Process, exit: oneshot::Sender<ExitStatus>) {
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while matches!(waitid(WaitId::Pid(process.pid), ended), Err(rustix::io::Errno::INTR)) {}
    let status = {
        let mut there = process.there.lock();
        // Before it is reaped, so that its number means nobody else yet.
        let _ = kill_process_group(process.pid, Signal::KILL);
        let status = child.wait();
        *there = false;
        status
    };
    guardian::forget(process.pid);
    if let Ok(status) = status {
        let _ = exit.send(status);
    }
}

/// How a process ended, for people.
pub(crate) fn described(status: ExitStatus) -> String {
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
