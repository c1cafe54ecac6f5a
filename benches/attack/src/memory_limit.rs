//! A limit of the memory of a process: a cgroup, above which the kernel ends the process, or else a limit of its address
//! space, above which allocations fail.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Directories in which a group may be created, and the file with its limit: cgroup v1, cgroup v2.
const ROOTS: [(&str, &str); 2] =
    [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];

/// Shell script that joins the cgroup whose process file is its first argument, and becomes the program.
const JOIN: &str = "echo $$ > \"$1\" && shift && exec \"$@\"";

/// Shell script that limits its address space to the KiB of its first argument, and becomes the program.
const LIMIT: &str = "ulimit -v \"$1\" && shift && exec \"$@\"";

/// A memory limit for processes that are started with it.
#[derive(Debug)]
pub enum MemoryLimit {
    /// A cgroup. It is removed when it is dropped, after its processes have ended.
    Group {
        /// Directory of the group.
        directory: PathBuf,
        /// Limit in bytes.
        bytes: u64,
    },
    /// The address space of each process (`RLIMIT_AS`).
    AddressSpace {
        /// Bytes that the program may use.
        bytes: u64,
        /// Bytes that the program reserves without using them, which the limit allows in addition.
        reserved: u64,
        /// Reason why there is no cgroup.
        reason: String,
    },
}

impl MemoryLimit {
    /// Creates a group with a limit of `bytes`, in the first version of cgroups that this user may write.
    ///
    /// # Errors
    /// If none can be created, for example without the rights of root.
    pub fn group(bytes: u64) -> io::Result<Self> {
        let name = format!("flowrun-attack-{}", std::process::id());
        let mut last = io::Error::other("no cgroup file system is mounted");
        for (root, limit) in ROOTS {
            let directory = Path::new(root).join(&name);
            match std::fs::create_dir(&directory)
                .and_then(|()| std::fs::write(directory.join(limit), bytes.to_string()))
            {
                Ok(()) => return Ok(Self::Group { directory, bytes }),
                Err(error) => last = error,
            }
            // Removes a group that was created without a limit; fails if it was not created.
            let _ = std::fs::remove_dir(&directory);
        }
        Err(last)
    }

    /// A limit of the address space, for `reason`. The program reserves `reserved` bytes without using them.
    pub fn address_space(bytes: u64, reserved: u64, reason: String) -> Self {
        Self::AddressSpace { bytes, reserved, reason }
    }

    /// A command for `program` that runs under the limit from its start, so that it sees it.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let (script, argument) = match self {
            Self::Group { directory, .. } => (JOIN, directory.join("cgroup.procs").into_os_string()),
            Self::AddressSpace { bytes, reserved, .. } => {
                (LIMIT, ((bytes + reserved) >> 10).to_string().into())
            }
        };
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, "sh"]).arg(argument).arg(program);
        command
    }
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group { directory, bytes } => {
                write!(f, "{} MiB, by the cgroup {}", bytes >> 20, directory.display())
            }
            Self::AddressSpace { bytes, reserved, reason } => {
                let (bytes, reserved) = (bytes >> 20, reserved >> 20);
                write!(
                    f,
                    "{bytes} MiB, and {reserved} MiB that the program reserves, of address space (RLIMIT_AS), because {reason}"
                )
            }
        }
    }
}

impl Drop for MemoryLimit {
    fn drop(&mut self) {
        if let Self::Group { directory, .. } = self {
            // A group with a process that is still ending cannot be removed; an empty one left over has no effect.
            let _ = std::fs::remove_dir(directory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Output of a shell command that runs under a limit.
    fn output(limit: &MemoryLimit, script: &str) -> String {
        let output = limit.command(Path::new("/bin/sh")).args(["-c", script]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[test]
    fn a_program_runs_under_the_limit_of_its_address_space() {
        let limit = MemoryLimit::address_space(1 << 30, 1 << 20, "of a test".to_owned());
        assert_eq!(output(&limit, "ulimit -v"), (1025 << 10).to_string());
        let printed =
            "1024 MiB, and 1 MiB that the program reserves, of address space (RLIMIT_AS), because of a test";
        assert_eq!(limit.to_string(), printed);
    }

    #[test]
    fn a_program_runs_in_the_cgroup_from_its_start() {
        // Without the rights to create a group there is nothing to test.
        let Ok(limit) = MemoryLimit::group(1 << 30) else { return };
        let name = format!("flowrun-attack-{}", std::process::id());
        assert!(output(&limit, "cat /proc/self/cgroup").contains(&name));
        assert!(limit.to_string().contains(&name), "{limit}");
    }
}
