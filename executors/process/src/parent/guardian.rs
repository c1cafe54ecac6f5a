//! The guardian: a small process that kills the descendants of this process after it has ended, was killed or crashed.
//!
//! The kernel kills a child together with its parent (`PR_SET_PDEATHSIG`), but not the processes that the child started.
//! Most are in the child's process group, and the guardian knows the groups. Those with a session of their own inherit
//! [`FAMILY_VARIABLE`], by which the guardian finds them; only a process that also replaces its environment escapes. The
//! guardian learns of the end of this process from the end of its standard input, which cannot be delayed.

use std::collections::BTreeSet;
use std::io::{self, BufRead as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flowrun_sdk::guard;
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::program::Program;

static GUARDIAN: Mutex<Guardian> = Mutex::new(Guardian { process: None, groups: BTreeSet::new() });

/// Environment variable that identifies the descendants of this process.
pub(crate) const FAMILY_VARIABLE: &str = "FLOWRUN_FAMILY";

/// Value of [`FAMILY_VARIABLE`], different for each process.
static FAMILY: LazyLock<String> = LazyLock::new(|| {
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}-{}", std::process::id(), started.as_nanos())
});

/// Maximum size of a process's environment that is searched, in bytes.
const ENVIRONMENT_BYTES_MAX: u64 = 4 << 20;

/// Maximum number of searches for descendants. Each finds those that were started during the one before.
const SEARCHES_MAX: usize = 20;

/// Pause between two searches, in which killed processes end.
const SEARCH_INTERVAL: Duration = Duration::from_millis(10);

/// The parent's handle of the guardian.
struct Guardian {
    process: Option<Child>,
    /// Process groups of the running children.
    groups: BTreeSet<i32>,
}

/// Value of [`FAMILY_VARIABLE`] for the children of this process.
pub(crate) fn family() -> &'static str {
    &FAMILY
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
        guard::remove_hidden_variables(&mut command);
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
        let groups: String = self.groups.iter().map(|group| format!("+{group}\n")).collect();
        let _ = self.send(&format!("={}\n{groups}", family()));
    }
}

/// Runs this process as the guardian: reads lines `=FAMILY`, `+GROUP` and `-GROUP` from standard input until its end,
/// then kills the remaining process groups and the rest of the family.
///
/// # Errors
/// If standard input cannot be read.
pub fn run_guardian() -> io::Result<()> {
    let (mut groups, mut family) = (BTreeSet::new(), None);
    let mut line = String::new();
    let mut input = io::stdin().lock();
    while input.read_line(&mut line)? > 0 {
        let group = line.get(1..).and_then(|group| group.trim().parse::<i32>().ok());
        match (line.as_bytes().first(), group) {
            (Some(b'+'), Some(group)) => _ = groups.insert(group),
            (Some(b'-'), Some(group)) => _ = groups.remove(&group),
            (Some(b'='), _) => family = line.get(1..).map(|name| name.trim().to_owned()),
            _ => {}
        }
        line.clear();
    }
    for group in groups.into_iter().filter_map(Pid::from_raw) {
        // The group may have ended in the meantime.
        let _ = kill_process_group(group, Signal::KILL);
    }
    if let Some(family) = family.filter(|family| !family.is_empty()) {
        kill_family(&family);
    }
    Ok(())
}

/// Kills every process that has inherited [`FAMILY_VARIABLE`] with this value.
fn kill_family(family: &str) {
    let entry = format!("{FAMILY_VARIABLE}={family}");
    for _ in 0..SEARCHES_MAX {
        let members = members(entry.as_bytes());
        if members.is_empty() {
            return;
        }
        for member in members {
            // It may have ended in the meantime.
            let _ = kill_process(member, Signal::KILL);
        }
        thread::sleep(SEARCH_INTERVAL);
    }
}

/// Processes of this user whose environment has the entry. Empty where there is no `/proc`.
fn members(entry: &[u8]) -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let member = |process: std::fs::DirEntry| {
        let pid = Pid::from_raw(process.file_name().to_str()?.parse().ok()?)?;
        // Processes of other users cannot be read.
        let environment = guard::read_file(&process.path().join("environ"), ENVIRONMENT_BYTES_MAX).ok()?;
        environment.split(|byte| *byte == 0).any(|variable| variable == entry).then_some(pid)
    };
    processes.filter_map(member).collect()
}
