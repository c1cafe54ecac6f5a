//! Documents that an executor returns before its call ends.

use std::fmt;

use crate::Documents;

/// Receiver of the documents of a streaming call, in their order.
///
/// An executor that yields documents one by one sends each here, and returns the rest, usually none, at the end of the
/// call. A call has a sink only if no other executor of the flow follows, because that one would need all documents
/// together.
pub trait DocumentSink: fmt::Debug + Send + Sync {
    /// Sends documents. Never blocks; a receiver that cannot keep up cancels the call.
    fn send(&self, documents: Documents);
}
