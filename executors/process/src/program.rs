//! Which program child processes run when they are of our own making: the one that this library is a part of, or one
//! that was built from it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The variable that names the program where the host does not.
const VARIABLE: &str = "FLOWRUN_PROGRAM";

/// A program that can be an executor's child process, and one that watches over such.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its file.
    pub path: PathBuf,
    /// Its arguments when it is to call [`serve`](crate::serve).
    pub executor: Vec<OsString>,
    /// Its arguments when it is to call [`guard`](crate::guard).
    pub guardian: Vec<OsString>,
}

static PROGRAM: OnceLock<Program> = OnceLock::new();

impl Program {
    /// The program `flowrun` in that file.
    #[must_use]
    pub fn flowrun(path: PathBuf) -> Self {
        let verb = |role: &str| ["child", role].map(OsString::from).to_vec();
        Self { path, executor: verb("executor"), guardian: verb("guardian") }
    }

    /// Says that child processes of this process run this. Only the first call counts.
    pub fn adopt(self) {
        let _ = PROGRAM.set(self);
    }

    /// The program, if anybody said which.
    pub(crate) fn known() -> Option<&'static Self> {
        PROGRAM.get().or_else(|| {
            let path = std::env::var_os(VARIABLE).filter(|path| !path.is_empty())?;
            Some(PROGRAM.get_or_init(|| Self::flowrun(path.into())))
        })
    }

    pub(crate) fn as_executor(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.executor);
        command
    }

    pub(crate) fn as_guardian(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.guardian);
        command
    }
}

/// Why there is no child without a program.
pub(crate) fn unknown() -> String {
    format!("nobody said which program a child process is to run; set `{VARIABLE}` to the file of flowrun")
}
