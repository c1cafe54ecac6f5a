//! Executor types: the names that a flow can use after `uses:`, with parameters and constructor.

use std::fmt;

use crate::{
    Build, BuildError, ExecutorDescription, Instance, ParameterError, ParameterField, Parameters,
    RawParameters, check_parameters,
};

/// A type of executor: its name, its parameters and its constructor.
#[derive(Clone, Copy, Debug)]
pub struct ExecutorType {
    /// Name that a flow writes after `uses:`.
    pub name: &'static str,
    /// Other names of the type, such as the names of Jina's executors.
    pub aliases: &'static [&'static str],
    /// Description in one sentence.
    pub summary: &'static str,
    /// Table of the parameters under `with:`.
    pub fields: &'static [ParameterField],
    constructor: Constructor,
    /// `true` if the executor stores data in its workspace, which no other pod may use then.
    pub stores: bool,
    /// SHA-256 of the shared library that contains the type, in hexadecimal; `None` for a built-in type.
    pub library_sha256: Option<&'static str>,
    describe: Option<fn(&Build) -> ExecutorDescription>,
}

#[derive(Clone, Copy)]
enum Constructor {
    /// Functions compiled into the program.
    Function {
        check: fn(&RawParameters) -> Vec<ParameterError>,
        create: fn(&Build) -> Result<Instance, BuildError>,
    },
    /// Constructor of an executor outside of the program.
    Factory(&'static dyn Factory),
}

/// A constructor with state, for executors that are not compiled into the program, such as those of plugins.
pub trait Factory: Send + Sync {
    /// Constructs one executor. Its parameters were checked against the table of the [`ExecutorType`].
    ///
    /// # Errors
    /// [`BuildError`] if it cannot be constructed.
    fn create(&self, build: &Build) -> Result<Instance, BuildError>;

    /// Describes the executor without constructing it. By default nothing is known.
    fn describe(&self, build: &Build) -> ExecutorDescription {
        let _ = build;
        ExecutorDescription::unknown()
    }
}

impl fmt::Debug for Constructor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Function { .. } => "Function",
            Self::Factory(_) => "Factory",
        })
    }
}

impl ExecutorType {
    /// Describes a type whose parameters are `P`.
    ///
    /// The host checks the parameters before it calls `create`, which may therefore expect that
    /// [`parse_parameters`] succeeds.
    #[must_use]
    pub const fn new<P: Parameters>(
        name: &'static str,
        summary: &'static str,
        create: fn(&Build) -> Result<Instance, BuildError>,
    ) -> Self {
        let constructor = Constructor::Function { check: check::<P>, create };
        Self {
            name,
            aliases: &[],
            summary,
            fields: P::FIELDS,
            constructor,
            stores: false,
            library_sha256: None,
            describe: None,
        }
    }

    /// Describes a type with a table of parameters that is known at run time, constructed by `factory`.
    #[must_use]
    pub const fn from_factory(
        name: &'static str,
        summary: &'static str,
        fields: &'static [ParameterField],
        factory: &'static dyn Factory,
    ) -> Self {
        Self {
            name,
            aliases: &[],
            summary,
            fields,
            constructor: Constructor::Factory(factory),
            stores: false,
            library_sha256: None,
            describe: None,
        }
    }

    /// Sets other names of the type.
    #[must_use]
    pub const fn with_aliases(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// Declares that executors of the type store data in their workspace.
    #[must_use]
    pub const fn with_storage(self) -> Self {
        Self { stores: true, ..self }
    }

    /// Sets the function that describes an executor without constructing it. Its argument has checked parameters and the
    /// context of the first worker. The function must neither block nor change anything.
    #[must_use]
    pub const fn with_description(self, describe: fn(&Build) -> ExecutorDescription) -> Self {
        Self { describe: Some(describe), ..self }
    }

    /// Describes the executor as plain: see [`ExecutorDescription::plain`].
    #[must_use]
    pub const fn with_plain_description(self) -> Self {
        self.with_description(|_| ExecutorDescription::plain())
    }

    /// Describes the executor as plain, and its documents as never occupying more memory after a call than before
    /// ([`ExecutorDescription::adds_nothing`]).
    #[must_use]
    pub const fn with_description_of_no_additions(self) -> Self {
        self.with_description(|_| ExecutorDescription::plain().that_adds_nothing())
    }

    /// Records the SHA-256, in hexadecimal, of the library that contains the type.
    #[must_use]
    pub const fn with_library_sha256(self, sha256: &'static str) -> Self {
        Self { library_sha256: Some(sha256), ..self }
    }

    /// Describes the executor that `build` would construct, without constructing it. The parameters must have passed
    /// [`ExecutorType::check`].
    pub fn describe(&self, build: &Build) -> ExecutorDescription {
        let described = match (self.describe, self.constructor) {
            (Some(describe), _) => describe(build),
            (None, Constructor::Factory(factory)) => factory.describe(build),
            (None, Constructor::Function { .. }) => ExecutorDescription::unknown(),
        };
        ExecutorDescription { stores_documents: self.stores, ..described }
    }

    /// Checks the parameters under `with:` without constructing an executor, and returns every mistake.
    pub fn check(&self, with: &RawParameters) -> Vec<ParameterError> {
        match self.constructor {
            Constructor::Function { check, .. } => check(with),
            Constructor::Factory(_) => check_parameters(self.fields, with),
        }
    }

    /// Constructs an executor. The parameters must have passed [`ExecutorType::check`].
    ///
    /// # Errors
    /// [`BuildError`] if it cannot be constructed.
    pub fn create(&self, build: &Build) -> Result<Instance, BuildError> {
        match self.constructor {
            Constructor::Function { create, .. } => create(build),
            Constructor::Factory(factory) => factory.create(build),
        }
    }
}

fn check<P: Parameters>(with: &RawParameters) -> Vec<ParameterError> {
    P::parse(with).err().unwrap_or_default()
}

/// Parses the parameters of an executor under construction.
///
/// # Errors
/// [`BuildError::Parameter`] or [`BuildError::Failed`] with the first mistake, if the host did not check the parameters.
pub fn parse_parameters<P: Parameters>(build: &Build) -> Result<P, BuildError> {
    P::parse(&build.with).map_err(|errors| match errors.into_iter().next() {
        Some(ParameterError::Invalid { name, reason }) => BuildError::parameter(name, reason),
        Some(error) => BuildError::failed(error),
        None => BuildError::failed("the parameters could not be read"),
    })
}
