//! The executors that a flow can name.

use std::fmt;

use indexmap::IndexMap;

use crate::{
    Build, BuildError, Instance, LibraryError, LibraryFault, LibraryRequest, OpenLibrary, ParameterError,
    ParameterField, Parameters, RawParameters, check_parameters,
};

/// A kind of executor: its name, its parameters, and how one is made.
#[derive(Clone, Copy, Debug)]
pub struct ExecutorType {
    /// The name that a flow writes after `uses:`.
    pub name: &'static str,
    /// Other names for the same, from Jina's world.
    pub aliases: &'static [&'static str],
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// The table of its parameters.
    pub fields: &'static [ParameterField],
    made: Made,
    /// Whether it keeps what it stores in its workspace, where no other pod may work then.
    pub stores: bool,
}

/// How an executor is made.
#[derive(Clone, Copy)]
enum Made {
    Here {
        check: fn(&RawParameters) -> Vec<ParameterError>,
        create: fn(&Build) -> Result<Instance, BuildError>,
    },
    By(&'static dyn Factory),
}

/// Whoever makes executors that are not compiled in: what it needs to know for that it keeps itself.
pub trait Factory: Send + Sync {
    /// Makes one. Its parameters were checked against the table.
    ///
    /// # Errors
    /// Why it could not be made.
    fn create(&self, build: &Build) -> Result<Instance, BuildError>;
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Here { .. } => "Here",
            Self::By(_) => "By",
        })
    }
}

impl ExecutorType {
    /// A kind of executor whose parameters are `P`.
    ///
    /// `create` may parse `with` again and expect success: the host checks before it makes.
    #[must_use]
    pub const fn new<P: Parameters>(
        name: &'static str,
        summary: &'static str,
        create: fn(&Build) -> Result<Instance, BuildError>,
    ) -> Self {
        let made = Made::Here { check: check::<P>, create };
        Self { name, aliases: &[], summary, fields: P::FIELDS, made, stores: false }
    }

    /// A kind of executor with that table of parameters, made by somebody else.
    #[must_use]
    pub const fn from_factory(
        name: &'static str,
        summary: &'static str,
        fields: &'static [ParameterField],
        maker: &'static dyn Factory,
    ) -> Self {
        Self { name, aliases: &[], summary, fields, made: Made::By(maker), stores: false }
    }

    /// Checks a `with:` without making anything.
    pub fn check(&self, with: &RawParameters) -> Vec<ParameterError> {
        match self.made {
            Made::Here { check, .. } => check(with),
            Made::By(_) => check_parameters(self.fields, with),
        }
    }

    /// Makes one.
    ///
    /// # Errors
    /// Why it could not be made.
    pub fn create(&self, build: &Build) -> Result<Instance, BuildError> {
        match self.made {
            Made::Here { create, .. } => create(build),
            Made::By(maker) => maker.create(build),
        }
    }

    /// The same, also found under these names.
    #[must_use]
    pub const fn with_aliases(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// The same, storing what it is given in its workspace.
    #[must_use]
    pub const fn with_storage(self) -> Self {
        Self { stores: true, ..self }
    }
}

fn check<P: Parameters>(with: &RawParameters) -> Vec<ParameterError> {
    P::parse(with).err().unwrap_or_default()
}

/// Reads the parameters of an executor that is being made.
///
/// # Errors
/// The first mistake, for hosts that did not check before.
pub fn parse_parameters<P: Parameters>(build: &Build) -> Result<P, BuildError> {
    P::parse(&build.with).map_err(|errors| match errors.into_iter().next() {
        Some(ParameterError::Invalid { name, reason }) => BuildError::parameter(name, reason),
        Some(error) => BuildError::failed(error),
        None => BuildError::failed("the parameters could not be read"),
    })
}

/// The executors that a flow can name, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    types: IndexMap<&'static str, ExecutorType>,
    aliases: IndexMap<&'static str, &'static str>,
    open: Option<OpenLibrary>,
}

impl Catalog {
    /// A catalogue of these families.
    #[must_use]
    pub fn new<'a>(families: impl IntoIterator<Item = &'a [ExecutorType]>) -> Self {
        let mut catalog = Self::default();
        for executor in families.into_iter().flatten() {
            catalog.add(*executor);
        }
        catalog
    }

    /// The same, which can look into shared libraries.
    #[must_use]
    pub fn with_libraries(self, open: OpenLibrary) -> Self {
        Self { open: Some(open), ..self }
    }

    /// The executors of a library, which is not executed for that.
    ///
    /// # Errors
    /// Why it will not do.
    pub fn open_library(
        &self,
        request: &LibraryRequest<'_>,
    ) -> Result<&'static [ExecutorType], LibraryError> {
        let none = || LibraryError::new(LibraryFault::Unreadable, "plugins are not available here");
        self.open.map_or_else(|| Err(none()), |open| open(request))
    }

    /// Adds one kind; a kind of the same name is replaced.
    pub fn add(&mut self, executor: ExecutorType) {
        self.types.insert(executor.name, executor);
        self.aliases.extend(executor.aliases.iter().map(|alias| (*alias, executor.name)));
    }

    /// The kind of that name or alias.
    pub fn get(&self, name: &str) -> Option<&ExecutorType> {
        let name = self.aliases.get(name).copied().unwrap_or(name);
        self.types.get(name)
    }

    /// Every kind.
    pub fn types(&self) -> impl Iterator<Item = &ExecutorType> {
        self.types.values()
    }

    /// Every name and alias.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.types.keys().chain(self.aliases.keys()).copied()
    }
}
