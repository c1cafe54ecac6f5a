//! Reasons why a shared library cannot be used as a plugin.

use std::fmt;

/// Reason why a library cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryError {
    /// Class of the reason; each has a diagnostic code.
    pub fault: LibraryFault,
    /// The cause.
    pub message: String,
    /// Instruction how to fix it, if there is one.
    pub help: Option<&'static str>,
}

/// Class of a [`LibraryError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LibraryFault {
    /// The file cannot be read: it does not exist or is too large.
    Unreadable,
    /// The file is not a shared library of this system.
    NotALibrary,
    /// The file is shorter than its headers state.
    Truncated,
    /// The library was compiled for another processor.
    WrongMachine,
    /// The library has no note that describes its executors, or an unreadable one.
    NoNote,
    /// The library uses another version of the plugin interface.
    WrongVersion,
    /// The library does not export the entry point.
    NoSymbol,
    /// The SHA-256 of the file differs from the requested one.
    WrongHash,
    /// The file is outside the directories that plugins may be in.
    Outside,
    /// The file is a link whose target is outside the directories that plugins may be in.
    LinkOutside,
    /// The file, or a directory that contains it, is writable by every user.
    WorldWritable,
    /// Two executors of the library have the same name.
    DuplicateName,
    /// The library could not be loaded: a dependency is missing, or it contradicts its note.
    NotLoaded,
    /// The entry point returned null.
    InitNull,
    /// The entry point panicked.
    InitPanicked,
    /// The entry point did not return within the host's time limit.
    InitHung,
}

impl LibraryError {
    /// Creates an error without help.
    #[must_use]
    pub fn new(fault: LibraryFault, message: impl fmt::Display) -> Self {
        Self { fault, message: message.to_string(), help: None }
    }

    /// Adds an instruction how to fix it.
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
