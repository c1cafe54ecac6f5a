//! What flowrun does as a child process of its own: it works for an executor, or watches over such children. Nobody types
//! this.

use std::ffi::OsString;

use super::arguments::{Common, LogFormat};
use super::exit::Exit;
use super::logging;
use crate::catalog::{self, Program};

/// What a child is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role {
    /// One executor works in it.
    Executor,
    /// It ends the others when their parent is gone.
    Guardian,
}

/// The role that the command line gives, if it gives one.
pub(super) fn role(mut arguments: impl Iterator<Item = OsString>) -> Option<Role> {
    let (verb, role, none) = (arguments.nth(1)?, arguments.next()?, arguments.next());
    match (verb.to_str()?, role.to_str()?, none) {
        ("child", "executor", None) => Some(Role::Executor),
        ("child", "guardian", None) => Some(Role::Guardian),
        _ => None,
    }
}

/// Does what a child is for.
pub(super) fn child(role: Role) -> anyhow::Result<Exit> {
    match role {
        Role::Executor => {
            // The parent reads the lines and writes them as its own.
            drop(logging::start(&Common { log_format: LogFormat::Json, verbose: 0 }));
            catalog::serve_child(&catalog::built_in())?;
        }
        Role::Guardian => catalog::guard_children()?,
    }
    Ok(Exit::Done)
}

/// Says that children run this very program.
pub(super) fn adopt() {
    if let Ok(path) = std::env::current_exe() {
        Program::flowrun(path).adopt();
    }
}
