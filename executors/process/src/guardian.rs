//! The guardian: a small process beside this one that ends our children, and theirs, when this process is gone without
//! having ended them itself: killed, or crashed.
//!
//! A child is asked by the kernel to die with its parent (`PR_SET_PDEATHSIG`), but that does not reach the processes
//! that it started. Those are of its process group, and the guardian knows the groups. It learns of our end by the end
//! of its input, which nothing can hold up.

use std::collections::BTreeSet;
use std::io::{self, BufRead as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::Program;

static GUARDIAN: Mutex<Guardian> = Mutex::new(Guardian { child: None, groups: BTreeSet::new() });

struct Guardian {
    child: Option<Child>,
    /// The groups of the children that there are.
    groups: BTreeSet<i32>,
}

/// From now on the group `pid` ends with this process.
pub(crate) fn watch(pid: Pid) {
    let mut guardian = GUARDIAN.lock();
    let group = pid.as_raw_pid();
    guardian.groups.insert(group);
    if guardian.say(&format!("+{group}\n")).is_err() {
        guardian.start();
    }
}

/// The group `pid` has ended.
pub(crate) fn forget(pid: Pid) {
    let mut guardian = GUARDIAN.lock();
    let group = pid.as_raw_pid();
    guardian.groups.remove(&group);
    // One that is gone is started again with the next child.
    let _ = guardian.say(&format!("-{group}\n"));
}

impl Guardian {
    fn say(&mut self, line: &str) -> io::Result<()> {
        let input = self.child.as_mut().and_then(|child| child.stdin.as_mut());
        input.ok_or(io::ErrorKind::NotConnected)?.write_all(line.as_bytes())
    }

    /// Starts it anew, and tells it of every group. Without a program children end with this process all the same, by
    /// themselves; what they started may not.
    fn start(&mut self) {
        if let Some(mut gone) = self.child.take() {
            let _ = gone.kill();
            let _ = gone.wait();
        }
        let Some(program) = Program::known() else { return };
        let mut command = program.as_guardian();
        // A group of its own: what ends this process from the keyboard must not end it first.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        match command.spawn() {
            Ok(child) => self.child = Some(child),
            Err(error) => {
                flowrun_sdk::tracing::warn!(%error, "nothing watches over the processes that child processes start");
                return;
            }
        }
        let all: String = self.groups.iter().map(|group| format!("+{group}\n")).collect();
        let _ = self.say(&all);
    }
}

/// Is the guardian: reads groups from standard input until its end, and ends those that are left.
///
/// # Errors
/// When standard input cannot be read.
pub fn guard() -> io::Result<()> {
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
        // It may have ended in the meantime.
        let _ = kill_process_group(group, Signal::KILL);
    }
    Ok(())
}
