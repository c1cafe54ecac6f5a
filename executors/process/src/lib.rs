//! Executors in child processes: executors of the catalogue that are kept apart, and those that are written in Python.
//!
//! Each replica has a child of its own, reached over a socket pair that is the child's standard input: no port, no path.
//! What goes over it is said by `frame`, in the messages of `flowrun_wire`. A [`Keeper`](keeper::Keeper) starts the
//! child, and starts it again when it dies; a [`Link`](link::Link) is one child while it runs. Children end with this
//! process, whatever ends it. Deliberately not here: sandboxes. A child has the rights of its parent.

mod answered;
mod caller;
mod environment;
mod frame;
mod guardian;
mod isolated;
mod keeper;
mod link;
mod output;
mod program;
mod python;
mod ready;
mod recipe;
mod serve;
mod spawn;
mod start;

use flowrun_sdk::{ExecutorDescription, Fact};

pub use guardian::guard;
pub use isolated::ISOLATED_EXECUTOR;
pub use program::Program;
pub use python::{PYTHON_EXECUTOR, default_interpreter};
pub use serve::serve;

/// Every executor of this family.
pub const EXECUTORS: &[flowrun_sdk::ExecutorType] =
    &[ISOLATED_EXECUTOR.with_description(describe), PYTHON_EXECUTOR.with_description(describe)];

/// Facts of every executor in a child process; the child reports the unknown ones when it is ready.
fn describe(_: &flowrun_sdk::Build) -> ExecutorDescription {
    ExecutorDescription {
        endpoints: Fact::Unknown,
        ranking: Fact::Unknown,
        batching: Fact::Unknown,
        write_endpoints: Fact::Unknown,
        ..ExecutorDescription::plain()
    }
}
