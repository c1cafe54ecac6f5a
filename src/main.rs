//! Entry point of the program `flowrun`; everything else is in the library.

use std::process::ExitCode;

/// Requests are allocated on one thread and freed on another, which mimalloc does without a lock.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    flowrun::cli::main()
}
