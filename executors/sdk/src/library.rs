//! Executors in shared libraries, as the host asks for them: which library, and why it will not do.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::ExecutorType;

/// A library that somebody names.
#[derive(Clone, Copy, Debug)]
pub struct LibraryRequest<'a> {
    /// Its file.
    pub path: &'a Path,
    /// The directories beneath which it has to be.
    pub roots: &'a [PathBuf],
    /// The SHA-256 of its bytes that it has to have, in hexadecimal digits.
    pub sha256: Option<&'a str>,
}

/// Whoever finds out which executors a library has, without executing it.
pub type OpenLibrary = fn(&LibraryRequest<'_>) -> Result<&'static [ExecutorType], LibraryError>;

/// Why a library is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryError {
    /// What is wrong with it.
    pub fault: LibraryFault,
    /// The cause, for people.
    pub message: String,
    /// What to do about it.
    pub help: Option<&'static str>,
}

/// What is wrong with a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LibraryFault {
    /// The file cannot be read: it is not there, or too large.
    Unreadable,
    /// The file is no shared library of this system.
    NotALibrary,
    /// The file is shorter than it says.
    Truncated,
    /// It is made for another processor.
    WrongMachine,
    /// It carries no note that says what it offers, or none that can be read.
    NoNote,
    /// It speaks another version of the boundary.
    WrongVersion,
    /// It does not export the symbol that everything begins with.
    NoSymbol,
    /// Its bytes are not those that were asked for.
    WrongHash,
    /// It is not beneath a directory that plugins may be in.
    Outside,
    /// It is a link that leads out of the directories that plugins may be in.
    LinkOutside,
    /// Everybody may write to it, or to a directory that it is in.
    WorldWritable,
    /// It has two executors of one name.
    DuplicateName,
    /// It could not be loaded: something that it needs is missing, or it does not do what it says.
    NotLoaded,
    /// Its first function returned nothing.
    InitNull,
    /// Its first function panicked.
    InitPanicked,
    /// Its first function did not return in time.
    InitHung,
}

impl LibraryError {
    /// An error without help.
    #[must_use]
    pub fn new(fault: LibraryFault, message: impl fmt::Display) -> Self {
        Self { fault, message: message.to_string(), help: None }
    }

    /// The same, with help.
    #[must_use]
    pub fn help(self, help: &'static str) -> Self {
        Self { help: Some(help), ..self }
    }
}

impl fmt::Display for LibraryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for LibraryError {}
