//! A bound on the memory that decoding one message may take.

use std::cell::Cell;
use std::fmt;

/// Reason why a message is not decoded, as a clause about the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeBudgetError {
    /// The decoded message would exceed the bound.
    #[error("decoded, it would occupy more than {bytes_max} bytes")]
    TooLarge {
        /// The bound in bytes.
        bytes_max: usize,
    },
    /// The message has too many documents.
    #[error("it has more than {documents_max} documents")]
    TooManyDocuments {
        /// The bound.
        documents_max: usize,
    },
    /// The message has too many requests.
    #[error("it has more than {requests_max} requests")]
    TooManyRequests {
        /// The bound.
        requests_max: usize,
    },
    /// The memory is in use by other messages at present.
    #[error("there is no memory for it at present")]
    NoCapacity,
}

/// Reserves memory up to a number of bytes in all; `false` if it is not available.
type Reserve<'a> = Box<dyn Fn(usize) -> bool + 'a>;

/// Bytes that decoding one message may take.
///
/// A decoder *takes* bytes before it allocates them, so that a message that would exceed the bound is refused before its
/// parts are built. A list of documents raises the bound for each of its first documents, because a document without
/// content occupies far more memory than its encoding.
///
/// ```
/// use flowrun_sdk::DecodeBudget;
///
/// let budget = DecodeBudget::new(1_000).with_documents(1, 500);
/// budget.take(900)?;
/// assert!(budget.take(200).is_err());
/// budget.add_document();
/// budget.take(200)?;
/// assert_eq!(budget.used(), 1_100);
/// # Ok::<(), flowrun_sdk::DecodeBudgetError>(())
/// ```
pub struct DecodeBudget<'a> {
    bytes_max: Cell<usize>,
    used: Cell<usize>,
    /// Documents that still raise the bound.
    documents_left: Cell<usize>,
    bytes_per_document: usize,
    reserve: Option<Reserve<'a>>,
    reserved: Cell<usize>,
}

/// A state of a [`DecodeBudget`]: see [`DecodeBudget::mark`].
#[derive(Clone, Copy, Debug)]
pub struct DecodeBudgetMark {
    bytes_max: usize,
    used: usize,
    documents_left: usize,
}

impl fmt::Debug for DecodeBudget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecodeBudget").field("bytes_max", &self.bytes_max).field("used", &self.used).finish()
    }
}

impl<'a> DecodeBudget<'a> {
    /// A budget of `bytes_max` bytes.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max: bytes_max.into(),
            used: Cell::new(0),
            documents_left: Cell::new(0),
            bytes_per_document: 0,
            reserve: None,
            reserved: Cell::new(0),
        }
    }

    /// A budget without a bound, for messages that are bounded elsewhere.
    #[must_use]
    pub fn unbounded() -> Self {
        Self::new(usize::MAX)
    }

    /// Raises the bound by `bytes_each` for each of the first `count` documents.
    #[must_use]
    pub fn with_documents(self, count: usize, bytes_each: usize) -> Self {
        Self { documents_left: count.into(), bytes_per_document: bytes_each, ..self }
    }

    /// Calls `reserve` each time before the bytes taken exceed the last reservation, with the total number of bytes to
    /// reserve. It returns `false` if that memory is not available.
    #[must_use]
    pub fn with_reservation(self, reserve: impl Fn(usize) -> bool + 'a) -> Self {
        Self { reserve: Some(Box::new(reserve)), ..self }
    }

    /// Raises the bound for a document. The decoder takes the bytes of the document separately.
    pub fn add_document(&self) {
        self.add_documents(1);
    }

    /// Raises the bound for several documents.
    pub fn add_documents(&self, count: usize) {
        let count = count.min(self.documents_left.get());
        self.documents_left.set(self.documents_left.get() - count);
        self.bytes_max.set(self.bytes_max.get().saturating_add(count * self.bytes_per_document));
    }

    /// Takes bytes that are about to be allocated.
    ///
    /// # Errors
    /// [`DecodeBudgetError`] if they exceed the bound, or cannot be reserved.
    pub fn take(&self, bytes: usize) -> Result<(), DecodeBudgetError> {
        let (used, bytes_max) = (self.used.get().saturating_add(bytes), self.bytes_max.get());
        if used > bytes_max {
            return Err(DecodeBudgetError::TooLarge { bytes_max });
        }
        if let Some(reserve) = &self.reserve
            && used > self.reserved.get()
        {
            // A part in advance, so that small values do not reserve one by one.
            let reserved = used.saturating_add(used / 8).min(bytes_max);
            if !reserve(reserved) {
                return Err(DecodeBudgetError::NoCapacity);
            }
            self.reserved.set(reserved);
        }
        self.used.set(used);
        Ok(())
    }

    /// Marks the present state, for [`DecodeBudget::rewind`].
    #[must_use]
    pub fn mark(&self) -> DecodeBudgetMark {
        DecodeBudgetMark {
            bytes_max: self.bytes_max.get(),
            used: self.used.get(),
            documents_left: self.documents_left.get(),
        }
    }

    /// Gives back what was taken since `mark`, of a part of the message that is freed and read once more. The reservation
    /// stays as large as it is.
    pub fn rewind(&self, mark: DecodeBudgetMark) {
        self.bytes_max.set(mark.bytes_max);
        self.used.set(mark.used);
        self.documents_left.set(mark.documents_left);
    }

    /// Gives back bytes of temporary memory that was freed. The reservation stays as large as it is.
    pub fn release(&self, bytes: usize) {
        self.used.set(self.used.get().saturating_sub(bytes));
    }

    /// Bytes taken.
    pub fn used(&self) -> usize {
        self.used.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_reserved_before_they_are_taken() {
        let reserved = Cell::new(0);
        let budget = DecodeBudget::new(1_000).with_reservation(|bytes| {
            reserved.set(bytes);
            bytes <= 500
        });
        budget.take(300).unwrap();
        assert!((300..=500).contains(&reserved.get()));
        assert_eq!(budget.take(300), Err(DecodeBudgetError::NoCapacity));
        budget.release(200);
        budget.take(100).unwrap();
        assert_eq!(budget.used(), 200);
        assert_eq!(budget.take(900), Err(DecodeBudgetError::TooLarge { bytes_max: 1_000 }));
    }

    #[test]
    fn only_the_first_documents_raise_the_bound() {
        let budget = DecodeBudget::new(0).with_documents(2, 10);
        budget.add_documents(5);
        budget.add_document();
        budget.take(20).unwrap();
        assert!(budget.take(1).is_err());
    }
}
