//! Executors in child processes: built-in executors with `isolate: process`, and executors written in Python.
//!
//! Every replica has its own child process. The two communicate through a socket pair that is the child's standard
//! input, so no port or path is used. `protocol` defines the frames, with the messages of `flowrun_wire` as bodies.
//! `parent` starts and supervises children and sends them calls. `child` is the other end: it runs one executor of the
//! catalog. (The other end of a Python child is `python/flowrun/child.py`.)
//!
//! A child never outlives its parent, however the parent ends. Sandboxing is deliberately not provided: a child has the
//! rights of its parent.

mod child;
mod isolated;
mod parent;
mod program;
mod protocol;
mod python;

use flowrun_sdk::{Build, ExecutorDescription, ExecutorType, Fact};

pub use child::serve_executor;
pub use isolated::ISOLATED_EXECUTOR;
pub use parent::guardian::run_guardian;
pub use program::Program;
pub use python::{PYTHON_EXECUTOR, default_interpreter};

/// The executor types of this crate.
pub const EXECUTORS: &[ExecutorType] =
    &[ISOLATED_EXECUTOR.with_description(describe), PYTHON_EXECUTOR.with_description(describe)];

/// Describes an executor in a child process. The child reports the unknown facts when it is ready.
fn describe(_: &Build) -> ExecutorDescription {
    ExecutorDescription {
        endpoints: Fact::Unknown,
        ranking: Fact::Unknown,
        batching: Fact::Unknown,
        write_endpoints: Fact::Unknown,
        ..ExecutorDescription::plain()
    }
}
