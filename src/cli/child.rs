//! What flowrun does as a child process of its own: it works for an executor, or watches over such children. Nobody types
//! this.

use std::ffi::OsString;

use flowrun_onnx::session;
use flowrun_process::Program;

use super::arguments::{Common, LogFormat};
use super::exit::Exit;
use super::logging;

/// What a child is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role {
    /// One executor works in it.
    Executor,
    /// It ends the others when their parent is gone.
    Guardian,
    /// It opens a model that nobody knows, and may die of it.
    Model,
}

/// How many arguments come before those of a trial: the program, the verb and the role.
const MODEL_ARGUMENTS: usize = 3;

/// The role that the command line gives, if it gives one.
pub(super) fn role(mut arguments: impl Iterator<Item = OsString>) -> Option<Role> {
    let (verb, role, more) = (arguments.nth(1)?, arguments.next()?, arguments.next());
    match (verb.to_str()?, role.to_str()?, more) {
        ("child", "executor", None) => Some(Role::Executor),
        ("child", "guardian", None) => Some(Role::Guardian),
        ("child", "model", Some(_)) => Some(Role::Model),
        _ => None,
    }
}

/// Does what a child is for.
pub(super) fn child(role: Role) -> anyhow::Result<Exit> {
    match role {
        Role::Executor => {
            // The parent reads the lines and writes them as its own.
            drop(logging::start(&Common { log_format: LogFormat::Json, verbose: 0 }));
            flowrun_process::serve(&crate::catalog::built_in())?;
        }
        Role::Guardian => flowrun_process::guard()?,
        Role::Model => {
            if let Err(reason) = session::open_on_trial(std::env::args_os().skip(MODEL_ARGUMENTS)) {
                std::io::Write::write_fmt(&mut std::io::stderr().lock(), format_args!("{reason}\n"))?;
                return Ok(Exit::Usage);
            }
        }
    }
    Ok(Exit::Done)
}

/// Says that children run this very program.
pub(super) fn adopt() {
    if let Ok(path) = std::env::current_exe() {
        session::try_with(path.clone(), ["child", "model"].map(OsString::from).to_vec());
        Program::flowrun(path).adopt();
    }
}
