//! What the operating system knows of this process (`proc_pid_status(5)`, `proc_pid_fd(5)`).

use std::fs;

use rustix::time::{ClockId, clock_gettime};

use crate::open_files;

/// Octets of memory in use.
pub(super) fn resident_memory() -> Option<u64> {
    resident(&fs::read_to_string("/proc/self/status").ok()?)
}

fn resident(status: &str) -> Option<u64> {
    let row = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = row.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Open file descriptors.
pub(super) fn open_descriptors() -> Option<u64> {
    // One of them is that of the folder which is read.
    Some((fs::read_dir("/proc/self/fd").ok()?.count() as u64).saturating_sub(1))
}

/// How many the system allows; nothing where it sets no limit.
pub(super) fn descriptor_limit() -> Option<u64> {
    open_files::soft_limit().map(|limit| limit as u64)
}

/// Seconds of processor time used.
#[allow(clippy::cast_precision_loss)] // a century of it is exact to the microsecond
pub(super) fn processor_time() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told_in_octets() {
        assert_eq!(resident("VmPeak:\t  900 kB\nVmRSS:\t   312 kB\n"), Some(312 * 1024));
        assert_eq!(resident("Name:\tx\n"), None);
        assert_eq!(resident("VmRSS:\tmany kB\n"), None);
    }

    #[test]
    fn the_system_tells_what_it_knows() {
        assert!(resident_memory().expect("told") > 100_000);
        let before = open_descriptors().expect("told");
        assert!(before >= 3);
        assert!(processor_time() > 0.0);
    }
}
