//! Resources of this process, under the names that Prometheus clients of every language use. Read from `/proc`; on
//! systems without it there are no samples.

use std::path::Path;

use flowrun_sdk::guard;

/// Maximum size of a file in `/proc` that is read, in bytes.
const PROC_BYTES_MAX: u64 = 1 << 20;

/// Clock ticks per second in `/proc` (`USER_HZ`): 100 on all common architectures, whatever the kernel's own frequency.
const TICKS_PER_SECOND: f64 = 100.0;

/// Resources of this process. A value that cannot be read is absent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ProcessStatistics {
    /// CPU time of all threads in seconds, user and system.
    pub(super) cpu_seconds: Option<f64>,
    pub(super) resident_bytes: Option<f64>,
    pub(super) virtual_bytes: Option<f64>,
    pub(super) open_descriptors: Option<f64>,
    /// Soft limit of open file descriptors; absent if there is none.
    pub(super) descriptors_max: Option<f64>,
    /// Start of the process in seconds since 1970.
    pub(super) start_seconds: Option<f64>,
}

impl ProcessStatistics {
    /// Reads the current values.
    pub(super) fn read() -> Self {
        let text = |path: &str| guard::read_text(Path::new(path), PROC_BYTES_MAX).unwrap_or_default();
        let (stat, status) = (text("/proc/self/stat"), text("/proc/self/status"));
        let kilobytes = |name: &str| number_after(&status, name).map(|value| value * 1024.0);
        let boot = number_after(&text("/proc/stat"), "btime ");
        Self {
            cpu_seconds: ticks(&stat, 14).zip(ticks(&stat, 15)).map(|(user, system)| user + system),
            resident_bytes: kilobytes("VmRSS:"),
            virtual_bytes: kilobytes("VmSize:"),
            open_descriptors: open_descriptors(),
            descriptors_max: number_after(&text("/proc/self/limits"), "Max open files"),
            start_seconds: ticks(&stat, 22).zip(boot).map(|(since_boot, boot)| boot + since_boot),
        }
    }
}

/// Number of open file descriptors, without the one that reading the directory takes.
fn open_descriptors() -> Option<f64> {
    let count = std::fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    u32::try_from(count).ok().map(f64::from)
}

/// A field of `/proc/self/stat` that counts clock ticks, in seconds. Fields are numbered from 1, as in proc(5).
fn ticks(stat: &str, field: usize) -> Option<f64> {
    // The second field is the name in parentheses, which may contain blanks.
    let (_, rest) = stat.rsplit_once(')')?;
    let ticks: f64 = rest.split_whitespace().nth(field.checked_sub(3)?)?.parse().ok()?;
    Some(ticks / TICKS_PER_SECOND)
}

/// The number that follows `name` in the line that begins with it; `None` if it is no number, such as `unlimited`.
fn number_after(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_after_a_name_with_blanks() {
        let fields: Vec<String> = (3..=22).map(|field| (field * 100).to_string()).collect();
        let stat = format!("1 (a b) c) {}", fields.join(" "));
        assert_eq!((ticks(&stat, 14), ticks(&stat, 22)), (Some(14.0), Some(22.0)));
        assert_eq!(ticks("", 14), None);
    }

    #[test]
    fn this_process_has_plausible_statistics() {
        if !Path::new("/proc/self/stat").exists() {
            return;
        }
        let read = ProcessStatistics::read();
        assert!(read.resident_bytes.unwrap() > 100_000.0, "{read:?}");
        assert!(read.virtual_bytes >= read.resident_bytes, "{read:?}");
        assert!(read.open_descriptors.unwrap() >= 3.0, "{read:?}");
        assert!(read.start_seconds.unwrap() > 1.5e9, "{read:?}");
        assert!(read.cpu_seconds.is_some());
    }
}
