//! Errors of decoding.

use crate::{DecodeBudgetError, TensorError};

/// Reason why bytes are not a document message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes are not a protobuf message.
    #[error("not a document message: {0}")]
    Message(#[from] prost::DecodeError),
    /// A field is longer than the message that contains it.
    #[error("not a document message: it is truncated")]
    Truncated,
    /// A field has the number of a document's field, but another wire type.
    #[error("not a document message: a field has the wrong type")]
    WrongType,
    /// A string is not UTF-8.
    #[error("not a document message: a string is not UTF-8")]
    NotUtf8,
    /// Documents are nested more than 100 levels deep, or a value has more messages in one another than can be decoded.
    #[error("the document is nested too deeply")]
    TooDeep,
    /// The shape and data type of an array do not match its bytes.
    #[error("the document's array is inconsistent: {0}")]
    Tensor(#[from] TensorError),
    /// The decoded message exceeds a budget.
    #[error(transparent)]
    Budget(#[from] DecodeBudgetError),
}
