//! Errors of opening and running models.

/// An error of opening or running a model. Messages are fragments that follow the name of the model's file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file does not exist, cannot be read, or is too large, or a file or process that opening it requires failed. The
    /// message contains the path of a file that cannot be read.
    #[error("{0}")]
    File(String),
    /// The file is not a model, is damaged, or has operators that the runtime does not support.
    #[error("{0}")]
    Model(String),
    /// The runtime is not available.
    #[error("{0}")]
    Runtime(#[from] crate::runtime::RuntimeError),
    /// The device is not available.
    #[error("{0}")]
    Device(String),
    /// The inputs or outputs do not fit the encoder.
    #[error("{0}")]
    Signature(String),
    /// A run failed.
    #[error("the model failed: {0}")]
    Run(String),
}
