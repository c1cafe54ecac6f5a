//! Arguments → verb → exit code.

use std::process::ExitCode;

/// Requests are made on one thread and end on another: this allocator gives such memory back without a lock.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    flowrun::cli::main()
}
