//! What a model leaves behind in the allocator of the C library that it ran in.
#![expect(unsafe_code, reason = "it owns a foreign interface")]

/// Gives memory back to the system when it is dropped. The C library keeps what a model's weights took, in pieces that the
/// next model may not fit into, so that a process that opens one model after the other grows.
#[derive(Debug)]
pub(super) struct GivesBack;

impl Drop for GivesBack {
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
