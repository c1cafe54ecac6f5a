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

pub use guardian::guard;
pub use isolated::ISOLATED_EXECUTOR;
pub use program::Program;
pub use python::{PYTHON_EXECUTOR, default_interpreter};
pub use serve::serve;

/// Every executor of this family.
pub const EXECUTORS: &[flowrun_sdk::ExecutorType] = &[ISOLATED_EXECUTOR, PYTHON_EXECUTOR];
