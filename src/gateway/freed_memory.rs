//! Returns the memory of a burst to the system.
//!
//! The allocator gives pages back about a second after they were freed, at the next time that it frees one. A service
//! that becomes idle after a burst frees none, and would keep the memory of the burst.

use std::hint::black_box;
use std::time::Duration;

/// Interval: the delay after which mimalloc purges freed pages (`purge_delay`).
const INTERVAL: Duration = Duration::from_secs(1);

/// Bytes of a block that is larger than the pages that mimalloc keeps for reuse.
const BLOCK_BYTES: usize = 16 << 20;

/// Makes the allocator return freed pages once per [`INTERVAL`]. Never ends. It does so by freeing a block, which takes
/// no memory because it is never touched.
pub(super) async fn return_freed_memory() {
    loop {
        tokio::time::sleep(INTERVAL).await;
        drop(black_box(Vec::<u8>::with_capacity(BLOCK_BYTES)));
    }
}
