//! The machine that a topology is planned for: processors, and the memory that the process may use.

use std::path::{Path, PathBuf};

use flowrun_sdk::guard;

/// Bytes of a file of the kernel that is read.
const KERNEL_FILE_BYTES_MAX: u64 = 64 << 10;

/// The machine that a topology is planned for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Number of logical processors.
    pub cores: usize,
    /// Memory that the process may use; `None` if it is unknown.
    pub memory: Option<Memory>,
}

/// Memory that the process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Size in bytes.
    pub bytes: usize,
    /// True if a container limits it, not the machine.
    pub is_container: bool,
}

impl Machine {
    /// The machine that this process runs on, as limited by affinity and cgroups.
    #[must_use]
    pub fn local() -> Self {
        Self {
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory: Memory::of_system(Path::new("/")),
        }
    }

    /// Threads that each of `workers` workers may keep busy: an equal share of the cores, at least one.
    pub(super) fn threads_per_worker(self, workers: usize) -> usize {
        (self.cores / workers.max(1)).max(1)
    }
}

impl Memory {
    /// Reads the memory of the machine and the limits of the cgroups (versions 1 and 2) that contain this process. `root`
    /// is the directory with `proc` and `sys`.
    fn of_system(root: &Path) -> Option<Self> {
        let read = |path: PathBuf| guard::read_text(&path, KERNEL_FILE_BYTES_MAX).ok();
        let machine = read(root.join("proc/meminfo")).and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
            line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.checked_mul(1024)
        });
        let groups = read(root.join("proc/self/cgroup")).unwrap_or_default();
        let limits = groups.lines().filter_map(limit_files).flatten();
        let container = limits.filter_map(|file| read(root.join(file))?.trim().parse::<usize>().ok()).min();
        match (machine, container) {
            (machine, Some(bytes)) if machine.is_none_or(|machine| bytes < machine) => {
                Some(Self { bytes, is_container: true })
            }
            (machine, _) => machine.map(|bytes| Self { bytes, is_container: false }),
        }
    }
}

/// Files with the limits of a cgroup and of the cgroups that contain it, from a line of `/proc/self/cgroup`. In a container
/// the line may have the path that the host uses; the limit is then in the root of the cgroup file system.
fn limit_files(line: &str) -> Option<Vec<PathBuf>> {
    let mut fields = line.splitn(3, ':');
    let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    let (mount, name) = match controllers {
        "" => ("sys/fs/cgroup", "memory.max"),
        list if list.split(',').any(|controller| controller == "memory") => {
            ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return None,
    };
    let path = Path::new(path.trim_start_matches('/'));
    Some(path.ancestors().map(|group| Path::new(mount).join(group).join(name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(files: &[(&str, &str)]) -> Option<Memory> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Memory::of_system(root.path())
    }

    #[test]
    fn cores_are_shared_equally_and_every_worker_has_a_thread() {
        let machine = Machine { cores: 8, memory: None };
        assert_eq!([0, 1, 3, 8, 20].map(|workers| machine.threads_per_worker(workers)), [8, 8, 2, 1, 1]);
    }

    #[test]
    fn the_smallest_limit_of_machine_and_cgroups_counts() {
        let machine = ("proc/meminfo", "MemTotal:       8388608 kB\nMemFree: 1 kB\n");
        let bytes = |bytes, is_container| Some(Memory { bytes, is_container });
        assert_eq!(memory(&[]), None);
        assert_eq!(memory(&[machine]), bytes(8 << 30, false));
        let version2 = [
            machine,
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("sys/fs/cgroup/a/memory.max", "4294967296\n"),
        ];
        assert_eq!(memory(&version2), bytes(4 << 30, true));
        let version1 = [
            machine,
            ("proc/self/cgroup", "5:cpu:/x\n4:memory:/docker/c\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n"),
        ];
        assert_eq!(memory(&version1), bytes(1 << 30, true));
        let unlimited = [machine, ("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/memory.max", "max\n")];
        assert_eq!(memory(&unlimited), bytes(8 << 30, false));
        assert!(Machine::local().memory.is_some() || !cfg!(target_os = "linux"));
    }
}
