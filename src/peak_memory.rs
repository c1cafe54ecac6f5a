//! The allocator of the unit tests, which measures the memory that one thread allocates.

#![expect(unsafe_code, reason = "an allocator is a foreign interface")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Bytes that the thread has allocated since the measurement began, less those it has freed.
    static ALLOCATED: Cell<isize> = const { Cell::new(0) };
    /// Largest value of [`ALLOCATED`].
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Reallocations count as if both pieces of memory were in use at once: the trait's default allocates and copies.
// SAFETY: all memory is that of the system's allocator, with the layouts that were passed in.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of this method, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the caller keeps the contract of this method, which is the same.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The thread may be ending, and its variables gone: then it is not measured.
fn count(bytes: isize) {
    let _ = ALLOCATED.try_with(|allocated| {
        allocated.set(allocated.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(allocated.get())));
    });
}

/// Runs `work`, and returns its result with the most bytes that this thread had allocated for it at any time.
pub(crate) fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    ALLOCATED.set(0);
    PEAK.set(0);
    let result = work();
    (result, PEAK.get().max(0).unsigned_abs())
}

#[test]
fn the_peak_counts_memory_that_was_freed_again() {
    let ((), peak) = peak_of(|| {
        for length in [10_000, 5_000] {
            drop(std::hint::black_box(vec![0_u8; length]));
        }
    });
    assert_eq!(peak, 10_000);
}
