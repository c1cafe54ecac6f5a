//! The executor types that a flow can name.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use crate::{ExecutorType, LibraryError, LibraryFault};

/// A shared library that a flow names.
#[derive(Clone, Copy, Debug)]
pub struct LibraryRequest<'a> {
    /// Path of the file.
    pub path: &'a Path,
    /// Directories of which one has to contain the file, at any depth.
    pub roots: &'a [PathBuf],
    /// Required SHA-256 of the file, in hexadecimal digits; `None` accepts any.
    pub sha256: Option<&'a str>,
}

/// Returns the executor types of a library without executing it.
pub type LibraryOpener = fn(&LibraryRequest<'_>) -> Result<&'static [ExecutorType], LibraryError>;

/// Executor types by name, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    types: IndexMap<&'static str, ExecutorType>,
    aliases: IndexMap<&'static str, &'static str>,
    library_opener: Option<LibraryOpener>,
    stand_ins: bool,
}

impl Catalog {
    /// Creates a catalog of several families of types.
    #[must_use]
    pub fn new<'a>(families: impl IntoIterator<Item = &'a [ExecutorType]>) -> Self {
        let mut catalog = Self::default();
        for executor in families.into_iter().flatten() {
            catalog.add(*executor);
        }
        catalog
    }

    /// Enables plugins, whose libraries are inspected by `opener`.
    #[must_use]
    pub fn with_libraries(self, opener: LibraryOpener) -> Self {
        Self { library_opener: Some(opener), ..self }
    }

    /// Sets whether encoders with the parameter `stand_in` run without a model if the flow names none; see
    /// [`ModelState::StandIn`](crate::ModelState::StandIn).
    #[must_use]
    pub fn with_stand_ins(self, stand_ins: bool) -> Self {
        Self { stand_ins, ..self }
    }

    /// Returns the setting of [`Catalog::with_stand_ins`]; `false` by default.
    pub fn stand_ins(&self) -> bool {
        self.stand_ins
    }

    /// Returns the executor types of a library without executing it.
    ///
    /// # Errors
    /// [`LibraryError`] if the library cannot be used, or the catalog was built without [`Catalog::with_libraries`].
    pub fn open_library(
        &self,
        request: &LibraryRequest<'_>,
    ) -> Result<&'static [ExecutorType], LibraryError> {
        let disabled = || LibraryError::new(LibraryFault::Unreadable, "this program does not load plugins");
        self.library_opener.map_or_else(|| Err(disabled()), |open| open(request))
    }

    /// Adds a type; replaces a type of the same name.
    pub fn add(&mut self, executor: ExecutorType) {
        self.types.insert(executor.name, executor);
        self.aliases.extend(executor.aliases.iter().map(|alias| (*alias, executor.name)));
    }

    /// Returns the type with that name or alias.
    pub fn get(&self, name: &str) -> Option<&ExecutorType> {
        let name = self.aliases.get(name).copied().unwrap_or(name);
        self.types.get(name)
    }

    /// Iterates over all types.
    pub fn types(&self) -> impl Iterator<Item = &ExecutorType> {
        self.types.values()
    }

    /// Iterates over all names, then all aliases.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.types.keys().chain(self.aliases.keys()).copied()
    }
}
