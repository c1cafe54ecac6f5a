//! Returns free memory of the C allocator to the system.
#![expect(unsafe_code, reason = "it owns a foreign interface")]

/// Trims the C heap when it is dropped. glibc keeps the freed memory of a model's weights in fragments that the next
/// model may not fit into, so that a process that opens models one after the other would grow.
#[derive(Debug)]
pub(super) struct TrimOnDrop;

impl Drop for TrimOnDrop {
    fn drop(&mut self) {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        {
            // SAFETY: the declaration is glibc's; it takes no pointer and may be called at any time.
            unsafe extern "C" {
                safe fn malloc_trim(pad: usize) -> std::ffi::c_int;
            }
            malloc_trim(0);
        }
    }
}
