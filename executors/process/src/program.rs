//! The program that child processes run, except those of Python executors, and that the guardian runs. The program that
//! contains this library registers it (itself, or another one); without a registration, `FLOWRUN_PROGRAM` names it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// Environment variable with the path of flowrun, used if no program was registered.
const VARIABLE: &str = "FLOWRUN_PROGRAM";

/// A program that can run as an executor's child process and as the guardian.
#[derive(Clone, Debug)]
pub struct Program {
    /// Path of the executable.
    pub path: PathBuf,
    /// Arguments with which the program calls [`serve_executor`](crate::serve_executor).
    pub executor_arguments: Vec<OsString>,
    /// Arguments with which the program calls [`run_guardian`](crate::run_guardian).
    pub guardian_arguments: Vec<OsString>,
}

static PROGRAM: OnceLock<Program> = OnceLock::new();

impl Program {
    /// The program `flowrun` at `path`.
    #[must_use]
    pub fn flowrun(path: PathBuf) -> Self {
        let arguments = |role: &str| ["child", role].map(OsString::from).to_vec();
        Self { path, executor_arguments: arguments("executor"), guardian_arguments: arguments("guardian") }
    }

    /// Registers the program for all child processes of this process. Only the first call has an effect.
    pub fn register(self) {
        let _ = PROGRAM.set(self);
    }

    /// Returns the registered program, otherwise flowrun at `$FLOWRUN_PROGRAM`.
    pub(crate) fn registered() -> Option<&'static Self> {
        PROGRAM.get().or_else(|| {
            let path = std::env::var_os(VARIABLE).filter(|path| !path.is_empty())?;
            Some(PROGRAM.get_or_init(|| Self::flowrun(path.into())))
        })
    }

    /// Error message for the case that [`registered`](Self::registered) returns `None`.
    pub(crate) fn not_registered() -> String {
        format!("no program is registered for child processes; set `{VARIABLE}` to the path of flowrun")
    }

    /// Command of an executor's child process.
    pub(crate) fn executor_command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.executor_arguments);
        command
    }

    /// Command of the guardian.
    pub(crate) fn guardian_command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.guardian_arguments);
        command
    }
}
