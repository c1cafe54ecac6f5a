//! The machine that a topology is planned for: processors, and the memory that the process may use.

use std::fmt;
use std::path::{Path, PathBuf};

use flowrun_sdk::guard;
use rustix::process::{Resource, getrlimit};

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
    /// The smallest limit, which counts.
    pub source: MemorySource,
}

/// Limit of the memory that a process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemorySource {
    /// Physical memory.
    Machine,
    /// Limit of a cgroup.
    Container,
    /// Limit of the address space of the process (`RLIMIT_AS`, `ulimit -v`).
    Process,
}

impl fmt::Display for MemorySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Machine => "machine",
            Self::Container => "container",
            Self::Process => "process (`ulimit -v`)",
        })
    }
}

impl Machine {
    /// The machine that this process runs on, as limited by affinity, cgroups and the limit of its address space.
    #[must_use]
    pub fn local() -> Self {
        Self {
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory: Memory::of_system(Path::new("/"), getrlimit(Resource::As).current),
        }
    }

    /// Threads that each of `workers` workers may keep busy: an equal share of the cores, at least one.
    pub(super) fn threads_per_worker(self, workers: usize) -> usize {
        (self.cores / workers.max(1)).max(1)
    }
}

impl Memory {
    /// The smallest of the memory of the machine, the limits of the cgroups that contain this process, of both versions, and
    /// the limit of its address space. `root` is the directory with `proc` and `sys`.
    fn of_system(root: &Path, address_space: Option<u64>) -> Option<Self> {
        let read = |path: PathBuf| guard::read_text(&path, KERNEL_FILE_BYTES_MAX).ok();
        let machine = read(root.join("proc/meminfo")).and_then(|text| kilobytes(&text, "MemTotal:"));
        let groups = read(root.join("proc/self/cgroup")).unwrap_or_default();
        let limits = groups.lines().filter_map(limit_files).flatten();
        let container = limits.filter_map(|file| read(root.join(file))?.trim().parse::<usize>().ok()).min();
        let process = address_space.and_then(|bytes| usize::try_from(bytes).ok()).map(|bytes| {
            // Address space that is reserved and not used, such as stacks, cannot be used for requests.
            let status = read(root.join("proc/self/status")).unwrap_or_default();
            let size = kilobytes(&status, "VmSize:").unwrap_or_default();
            let reserved = size.saturating_sub(kilobytes(&status, "VmRSS:").unwrap_or_default());
            bytes.saturating_sub(reserved)
        });
        // Of equal ones the first counts.
        let limits = [
            (machine, MemorySource::Machine),
            (container, MemorySource::Container),
            (process, MemorySource::Process),
        ];
        let known = limits.into_iter().filter_map(|(bytes, source)| Some(Self { bytes: bytes?, source }));
        known.min_by_key(|memory| memory.bytes)
    }
}

/// Bytes in the line `NAME: 1 kB` of a text.
fn kilobytes(text: &str, name: &str) -> Option<usize> {
    let amount = text.lines().find_map(|line| line.strip_prefix(name))?;
    amount.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.checked_mul(1024)
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

    fn memory(files: &[(&str, &str)], address_space: Option<u64>) -> Option<Memory> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Memory::of_system(root.path(), address_space)
    }

    #[test]
    fn cores_are_shared_equally_and_every_worker_has_a_thread() {
        let machine = Machine { cores: 8, memory: None };
        assert_eq!([0, 1, 3, 8, 20].map(|workers| machine.threads_per_worker(workers)), [8, 8, 2, 1, 1]);
    }

    #[test]
    fn the_smallest_limit_of_machine_cgroups_and_address_space_counts() {
        let machine = ("proc/meminfo", "MemTotal:       8388608 kB\nMemFree: 1 kB\n");
        let found = |bytes, source| Some(Memory { bytes, source });
        assert_eq!(memory(&[], None), None);
        assert_eq!(memory(&[machine], None), found(8 << 30, MemorySource::Machine));
        let version2 = [
            machine,
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("sys/fs/cgroup/a/memory.max", "4294967296\n"),
        ];
        assert_eq!(memory(&version2, None), found(4 << 30, MemorySource::Container));
        assert_eq!(memory(&version2, Some(5 << 30)), found(4 << 30, MemorySource::Container));
        assert_eq!(memory(&version2, Some(3 << 30)), found(3 << 30, MemorySource::Process));
        let status = ("proc/self/status", "VmSize:\t 3145728 kB\nVmRSS:\t 1048576 kB\n");
        assert_eq!(memory(&[machine, status], Some(3 << 30)), found(1 << 30, MemorySource::Process));
        let version1 = [
            machine,
            ("proc/self/cgroup", "5:cpu:/x\n4:memory:/docker/c\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n"),
        ];
        assert_eq!(memory(&version1, None), found(1 << 30, MemorySource::Container));
        let unlimited = [machine, ("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/memory.max", "max\n")];
        assert_eq!(memory(&unlimited, None), found(8 << 30, MemorySource::Machine));
        assert!(Machine::local().memory.is_some() || !cfg!(target_os = "linux"));
    }
}
