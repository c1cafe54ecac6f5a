//! Arguments → verb → exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    flowrun::cli::main()
}
