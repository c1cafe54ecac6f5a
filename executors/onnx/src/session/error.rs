//! Why a model does not open, does not fit, or does not run.

/// Why a model does not open, does not fit, or does not run. Fragments that follow the name of the model's file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// There is no file, it cannot be read, or it is too large.
    #[error("{0}")]
    File(String),
    /// It is no model, a damaged one, or one of operators that the runtime does not have.
    #[error("{0}")]
    Model(String),
    /// There is nothing to run it on.
    #[error("{0}")]
    Runtime(#[from] crate::runtime::RuntimeError),
    /// The device is not to be had, and another is not what was asked for.
    #[error("{0}")]
    Device(String),
    /// What goes in or comes out is not what is wanted.
    #[error("{0}")]
    Signature(String),
    /// A run failed.
    #[error("the model failed: {0}")]
    Run(String),
}
