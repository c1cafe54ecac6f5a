//! The guardian: a small process that kills the process groups of all children after this process was killed or crashed.
//!
//! The kernel kills a child together with its parent (`PR_SET_PDEATHSIG`), but not the processes that the child started.
//! Those are in the child's process group, and the guardian knows the groups. It learns of the end of this process from
//! the end of its standard input, which cannot be delayed.

use std::collections::BTreeSet;
use std::io::{self, BufRead as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::program::Program;

static GUARDIAN: Mutex<Guardian> = Mutex::new(Guardian { process: None, groups: BTreeSet::new() });

/// The parent's handle of the guardian.
struct Guardian {
    process: Option<Child>,
    /// Process groups of the running children.
    groups: BTreeSet<i32>,
}

/// Registers the process group of a child. Starts the guardian if it is not running.
pub(crate) fn add_group(pid: Pid) {
    let mut guardian = GUARDIAN.lock();
    let group = pid.as_raw_pid();
    guardian.groups.insert(group);
    if guardian.send(&format!("+{group}\n")).is_err() {
        guardian.start();
    }
}

/// Removes the process group of a child that has exited.
pub(crate) fn remove_group(pid: Pid) {
    let mut guardian = GUARDIAN.lock();
    let group = pid.as_raw_pid();
    guardian.groups.remove(&group);
    // A guardian that has exited is restarted with the next child.
    let _ = guardian.send(&format!("-{group}\n"));
}

impl Guardian {
    fn send(&mut self, line: &str) -> io::Result<()> {
        let input = self.process.as_mut().and_then(|process| process.stdin.as_mut());
        input.ok_or(io::ErrorKind::NotConnected)?.write_all(line.as_bytes())
    }

    /// Starts or restarts the process and sends it all groups. Without a registered program there is no guardian:
    /// children still end with this process, but processes started by them may not.
    fn start(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
        let Some(program) = Program::registered() else { return };
        let mut command = program.guardian_command();
        // The guardian has its own process group, so that Ctrl-C does not end it before this process.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        match command.spawn() {
            Ok(process) => self.process = Some(process),
            Err(error) => {
                flowrun_sdk::tracing::warn!(
                    %error,
                    "the guardian cannot be started: processes of children may outlive a crash of flowrun"
                );
                return;
            }
        }
        let lines: String = self.groups.iter().map(|group| format!("+{group}\n")).collect();
        let _ = self.send(&lines);
    }
}

/// Runs this process as the guardian: reads `+GROUP` and `-GROUP` lines from standard input until its end, then kills
/// the remaining process groups.
///
/// # Errors
/// If standard input cannot be read.
pub fn run_guardian() -> io::Result<()> {
    let mut groups = BTreeSet::new();
    let mut line = String::new();
    let mut input = io::stdin().lock();
    while input.read_line(&mut line)? > 0 {
        let group = line.get(1..).and_then(|group| group.trim().parse::<i32>().ok());
        match (line.as_bytes().first(), group) {
            (Some(b'+'), Some(group)) => _ = groups.insert(group),
            (Some(b'-'), Some(group)) => _ = groups.remove(&group),
            _ => {}
        }
        line.clear();
    }
    for group in groups.into_iter().filter_map(Pid::from_raw) {
        // The group may have ended in the meantime.
        let _ = kill_process_group(group, Signal::KILL);
    }
    Ok(())
}
