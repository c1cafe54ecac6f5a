//! A cgroup that limits the memory of a process: the kernel kills the process above the limit.

use std::io;
use std::path::{Path, PathBuf};

/// Directories in which a group may be created, and the file with its limit: cgroup v1, cgroup v2.
const ROOTS: [(&str, &str); 2] =
    [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];

/// A cgroup with a memory limit. It is removed when it is dropped, after its processes have ended.
#[derive(Debug)]
pub struct MemoryLimit {
    directory: PathBuf,
}

impl MemoryLimit {
    /// Creates a group with a limit of `bytes`, in the first version of cgroups that this user may write.
    ///
    /// # Errors
    /// If no group can be created, for example without the rights of root.
    pub fn new(bytes: u64) -> io::Result<Self> {
        let name = format!("flowrun-attack-{}", std::process::id());
        let mut last = io::Error::other("no cgroup file system is mounted");
        for (root, limit) in ROOTS {
            let directory = Path::new(root).join(&name);
            match std::fs::create_dir(&directory)
                .and_then(|()| std::fs::write(directory.join(limit), bytes.to_string()))
            {
                Ok(()) => return Ok(Self { directory }),
                Err(error) => last = error,
            }
            // Removes a group that was created without a limit; fails if it was not created.
            let _ = std::fs::remove_dir(&directory);
        }
        Err(last)
    }

    /// Moves a process into the group.
    ///
    /// # Errors
    /// If the process has ended.
    pub(crate) fn add(&self, process: u32) -> io::Result<()> {
        std::fs::write(self.directory.join("cgroup.procs"), process.to_string())
    }
}

impl Drop for MemoryLimit {
    fn drop(&mut self) {
        // A group with a process that is still ending cannot be removed; an empty one left over has no effect.
        let _ = std::fs::remove_dir(&self.directory);
    }
}
