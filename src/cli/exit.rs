//! Exit codes of the program, which are part of its interface.

use std::fmt::Display;
use std::process::ExitCode;

/// Exit status of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: success.
    Done,
    /// 1: the flow failed while running, or documents failed.
    Failed,
    /// 2: wrong usage, or a flow file with errors.
    Usage,
    /// 3: an executor was not ready within `timeout_ready`.
    NotReady,
    /// 4: requests in flight did not finish before the drain timeout, or a worker was still in a call whose requests had
    /// ended.
    NotDrained,
    /// 5: a worker hung in a call.
    Hung,
    /// 70: a bug in flowrun.
    Bug,
    /// 129: ended by SIGHUP, as when a terminal closes.
    HungUp,
    /// 130: ended by SIGINT.
    Interrupted,
    /// 143: ended by SIGTERM.
    Terminated,
}

impl Exit {
    /// Exit code as the operating system sees it.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotReady => 3,
            Self::NotDrained => 4,
            Self::Hung => 5,
            Self::Bug => 70,
            Self::HungUp => 129,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// Error that ends the program with a given exit status. Any other error ends it with [`Exit::Failed`].
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct EarlyExit {
    pub(super) exit: Exit,
    /// Empty if the reason has been printed already.
    pub(super) message: String,
}

impl EarlyExit {
    /// Wrong usage: something that the user typed, or a file or address that it names.
    pub(super) fn usage(reason: impl Display) -> Self {
        Self { exit: Exit::Usage, message: reason.to_string() }
    }

    /// Ends the program without a message, because diagnostics have been printed.
    pub(super) fn reported(exit: Exit) -> Self {
        Self { exit, message: String::new() }
    }
}
