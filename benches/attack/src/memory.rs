//! Memory of a process, from `/proc`.

use std::io;
use std::path::PathBuf;

use flowrun_sdk::guard;

/// Maximum length of `/proc/PID/status` that is read.
const STATUS_BYTES_MAX: u64 = 64 << 10;

/// Reads the memory of a process.
pub(crate) struct ProcessMemory {
    directory: PathBuf,
}

impl ProcessMemory {
    pub(crate) fn of(process: u32) -> Self {
        Self { directory: PathBuf::from(format!("/proc/{process}")) }
    }

    /// Resident bytes; `None` if the process has ended.
    pub(crate) fn resident(&self) -> Option<u64> {
        self.field("VmRSS:")
    }

    /// Largest number of resident bytes since [`ProcessMemory::reset_peak`].
    pub(crate) fn peak(&self) -> Option<u64> {
        self.field("VmHWM:")
    }

    /// Bytes of address space that are not resident.
    pub(crate) fn reserved(&self) -> Option<u64> {
        self.field("VmSize:")?.checked_sub(self.resident()?)
    }

    /// Starts a new measurement of the peak.
    ///
    /// # Errors
    /// If the process has ended or belongs to another user.
    pub(crate) fn reset_peak(&self) -> io::Result<()> {
        std::fs::write(self.directory.join("clear_refs"), "5")
    }

    fn field(&self, name: &str) -> Option<u64> {
        let status = guard::read_text(&self.directory.join("status"), STATUS_BYTES_MAX).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kibibytes << 10)
    }
}
