//! Roles of flowrun as a child process of itself: executor, guardian, or trial of a model.
//!
//! `flowrun child ROLE` is internal and not part of the command line's grammar.

use std::ffi::OsString;
use std::io::Write as _;

use flowrun_onnx::session;
use flowrun_process::Program;

use super::exit::Exit;
use super::logging::{self, LogFormat, LogOptions};

/// Role of a child process.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role {
    /// Runs one executor.
    Executor,
    /// Ends the other children if their parent dies.
    Guardian,
    /// Opens an untested model, which may crash the process.
    Model,
}

/// Number of arguments before those of a model trial: program, `child` and role.
const MODEL_ARGUMENTS: usize = 3;

/// Returns the role that the arguments name, or `None` if this is not a child process.
pub(super) fn role(mut arguments: impl Iterator<Item = OsString>) -> Option<Role> {
    let (command, role, rest) = (arguments.nth(1)?, arguments.next()?, arguments.next());
    match (command.to_str()?, role.to_str()?, rest) {
        ("child", "executor", None) => Some(Role::Executor),
        ("child", "guardian", None) => Some(Role::Guardian),
        ("child", "model", Some(_)) => Some(Role::Model),
        _ => None,
    }
}

/// Runs the child process until its parent closes it.
pub(super) fn run(role: Role) -> anyhow::Result<Exit> {
    match role {
        Role::Executor => {
            // The parent parses the lines and logs them as its own.
            drop(logging::start(&LogOptions { log_format: LogFormat::Json, ..LogOptions::default() }));
            flowrun_process::serve_executor(&crate::catalog::built_in())?;
        }
        Role::Guardian => flowrun_process::run_guardian()?,
        Role::Model => {
            if let Err(reason) = session::run_trial_child(std::env::args_os().skip(MODEL_ARGUMENTS)) {
                writeln!(std::io::stderr(), "{reason}")?;
                return Ok(Exit::Usage);
            }
        }
    }
    Ok(Exit::Done)
}

/// Registers this program as the one that child processes run.
pub(super) fn register_program() {
    if let Ok(path) = std::env::current_exe() {
        session::set_trial_program(path.clone(), ["child", "model"].map(OsString::from).to_vec());
        Program::flowrun(path).register();
    }
}
