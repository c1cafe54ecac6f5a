//! The budget of a call: time and memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::{Cancellation, ErrorKind, ExecutorError};

/// The budget of a call: the time until its deadline, and the bytes that its documents may grow by.
///
/// Clones share the budget, so that it can be held while [`Call::for_each`](crate::Call::for_each) borrows the call.
///
/// An executor that produces large data from small (the pixels of a file, the chunks of a document) *reserves* bytes
/// before it allocates them. A document that exceeds the budget then fails alone, and memory stays bounded. Reserved
/// bytes are never released explicitly: a reservation is an advance, which `for_each` and `for_each_siblings` replace
/// after each change by the actual size of the changed documents; a failed document occupies nothing. An executor that
/// reserves nothing is bounded in the same way, one change later.
///
/// ```
/// # use flowrun_sdk::{AccessPaths, Call, Document, RequestParameters};
/// # let parameters = RequestParameters::new();
/// # let documents = vec![Document::new("small").with_tag("size", 10), Document::new("large").with_tag("size", 9_999)];
/// let mut call = Call::new("/index", documents.into(), &parameters).with_bytes_max(4_000);
/// let budget = call.budget();
/// call.for_each(&AccessPaths::roots(), |document| {
///     let size = document.tags["size"].as_u64().unwrap_or(0) as usize;
///     budget.reserve(size)?;
///     document.blob = Some(vec![0; size].into());
///     Ok(())
/// })?;
/// let answer = call.into_answer();
/// assert_eq!((answer.documents[0].id.as_str(), answer.failures[0].id.as_str()), ("small", "large"));
/// # Ok::<(), flowrun_sdk::ExecutorError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CallBudget {
    deadline: Option<Instant>,
    cancellation: Cancellation,
    bytes_max: usize,
    /// Bytes that the documents occupy, plus the bytes reserved since they were measured.
    used: Arc<AtomicUsize>,
}

impl CallBudget {
    /// The budget of work outside of a call, which ends with `cancellation`: without a deadline and without a bound of bytes.
    #[must_use]
    pub fn until_cancelled(cancellation: Cancellation) -> Self {
        Self::unbounded().with_deadline(None, cancellation)
    }

    /// A budget without a deadline and without a bound of bytes, with a cancellation of its own.
    pub(crate) fn unbounded() -> Self {
        Self {
            deadline: None,
            cancellation: Cancellation::default(),
            bytes_max: usize::MAX,
            used: Arc::default(),
        }
    }

    /// Sets deadline (`None` for no deadline) and cancellation.
    pub(crate) fn with_deadline(self, deadline: Option<Instant>, cancellation: Cancellation) -> Self {
        Self { deadline, cancellation, ..self }
    }

    /// Sets the bound in bytes, and the bytes that documents occupy already.
    pub(crate) fn with_bytes(self, bytes_max: usize, used: usize) -> Self {
        Self { bytes_max, used: Arc::new(used.into()), ..self }
    }

    /// Checks deadline and cancellation. Long computations call this regularly: for each frame, chunk or row.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] or [`ErrorKind::Expired`] if the result is not awaited any more.
    pub fn check(&self) -> Result<(), ExecutorError> {
        if self.cancellation.is_cancelled() {
            return Err(ExecutorError::new(ErrorKind::Cancelled, "the request was cancelled"));
        }
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(ExecutorError::new(ErrorKind::Expired, "the deadline passed"));
        }
        Ok(())
    }

    /// Reserves bytes that the current document is about to occupy.
    ///
    /// # Errors
    /// [`ErrorKind::Resource`] if the documents of the call would exceed the bound; nothing is reserved then.
    pub fn reserve(&self, bytes: usize) -> Result<(), ExecutorError> {
        let reserved = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.bytes_max);
        let update = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, reserved);
        update.map(drop).map_err(|_| self.exceeded())
    }

    /// Reserves bytes like [`CallBudget::reserve`]; `remedy` is appended to the error message, after “send fewer
    /// documents, or …”.
    ///
    /// # Errors
    /// Those of [`CallBudget::reserve`].
    pub fn reserve_with_remedy(&self, bytes: usize, remedy: &str) -> Result<(), ExecutorError> {
        self.reserve(bytes).map_err(|error| {
            let message = format!("{error}, or {remedy}");
            error.with_message(message)
        })
    }

    /// Time at which the call has to be answered.
    /// `None` for no deadline.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Cancellation of the call.
    pub fn cancellation(&self) -> &Cancellation {
        &self.cancellation
    }

    /// Maximum number of bytes that the documents of the call may occupy.
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Bytes that are occupied or reserved.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Sets the bytes that are occupied or reserved, after documents were measured again.
    pub(crate) fn set_used(&self, used: usize) {
        self.used.store(used, Ordering::Relaxed);
    }

    /// Runs `change`, and replaces the previous size of `target` and all reservations since by its new size.
    ///
    /// # Errors
    /// Those of [`CallBudget::check`] and of `change`, and [`ErrorKind::Resource`] if `target` has grown beyond the bound.
    pub(crate) fn track_change<T: ?Sized>(
        &self,
        target: &mut T,
        memory_bytes: impl Fn(&T) -> usize,
        change: impl FnOnce(&mut T) -> Result<(), ExecutorError>,
    ) -> Result<(), ExecutorError> {
        self.check()?;
        let (used, before) = (self.used(), memory_bytes(target));
        change(target)?;
        let after = memory_bytes(target);
        let used = used.saturating_sub(before).saturating_add(after);
        self.set_used(used);
        // Documents that were too large on arrival may pass as long as they do not grow.
        if after > before && used > self.bytes_max { Err(self.exceeded()) } else { Ok(()) }
    }

    fn exceeded(&self) -> ExecutorError {
        ExecutorError::resource(format_args!(
            "the documents of the request would hold more than the {} bytes allowed; send fewer documents in a \
             request (`request_size`)",
            self.bytes_max
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccessPaths, Call, Document, RequestParameters};

    #[test]
    fn a_reservation_beyond_the_bound_reserves_nothing() {
        let budget = CallBudget::unbounded().with_bytes(10, 4);
        assert_eq!(budget.reserve(7).unwrap_err().kind(), ErrorKind::Resource);
        assert_eq!(budget.reserve(usize::MAX).unwrap_err().kind(), ErrorKind::Resource);
        budget.clone().reserve(6).unwrap();
        assert_eq!(
            budget.reserve(1).unwrap_err().to_string(),
            "the documents of the request would hold more than the 10 bytes allowed; send fewer documents in a \
             request (`request_size`)"
        );
    }

    #[test]
    fn reservations_are_replaced_by_the_size_after_the_change() {
        let budget = CallBudget::unbounded().with_bytes(100, 30);
        let mut target = vec![0_u8; 30];
        for length in [60, 10, 100] {
            let change = |target: &mut Vec<u8>| {
                budget.reserve(40)?;
                target.resize(length, 0);
                Ok(())
            };
            budget.track_change(&mut target, Vec::len, change).unwrap();
            assert_eq!(budget.used(), length);
        }
    }

    #[test]
    fn growth_without_a_reservation_is_detected_and_shrinking_never_fails() {
        let budget = CallBudget::unbounded().with_bytes(100, 300);
        let mut target = vec![0_u8; 300];
        let mut resize = |length| {
            let change = |target: &mut Vec<u8>| {
                target.resize(length, 0);
                Ok(())
            };
            budget.track_change(&mut target, Vec::len, change).map_err(|error| error.kind())
        };
        assert_eq!(resize(200), Ok(()));
        assert_eq!(resize(201), Err(ErrorKind::Resource));
        assert_eq!((resize(99), resize(100), resize(101)), (Ok(()), Ok(()), Err(ErrorKind::Resource)));
    }

    /// Ids of the documents that succeed when five documents of 1 kB grow to `kilobytes` within a bound of 10 kB.
    fn surviving(
        kilobytes: [usize; 5],
        reserve: impl Fn(&CallBudget, usize) -> Result<(), ExecutorError>,
    ) -> String {
        let parameters = RequestParameters::new();
        let root = |id: &str| Document::new(id).with_blob(vec![0; 1000]);
        let documents: Vec<Document> = ["a", "b", "c", "d", "e"].map(root).to_vec();
        let mut kilobytes = kilobytes.into_iter();
        let bytes_max = 10_000 + 5 * Document::new("a").memory_bytes();
        let mut call = Call::new("/x", documents.into(), &parameters).with_bytes_max(bytes_max);
        let budget = call.budget();
        call.for_each(&AccessPaths::roots(), |document| {
            let bytes = kilobytes.next().unwrap_or_default() * 1000;
            reserve(&budget, bytes)?;
            document.blob = Some(vec![0; bytes].into());
            Ok(())
        })
        .unwrap();
        let answer = call.into_answer();
        assert!(answer.failures.iter().all(|failure| failure.error.kind() == ErrorKind::Resource));
        assert!(answer.documents.memory_bytes() <= bytes_max);
        answer.documents.iter().map(|document| document.id.as_str()).collect()
    }

    #[test]
    fn a_document_beyond_the_budget_fails_alone_and_releases_its_share() {
        let reserve = |budget: &CallBudget, bytes: usize| budget.reserve(bytes);
        // Each document may use 5 kB in turn; b fails, so that d may use its kilobyte too.
        assert_eq!(surviving([1, 9, 1, 6, 1], reserve), "acde");
        assert_eq!(surviving([1, 9, 1, 7, 1], reserve), "ace");
        // Documents that shrink release their share.
        assert_eq!(surviving([0, 0, 0, 0, 9], reserve), "abcde");
    }

    #[test]
    fn a_document_that_grows_without_a_reservation_fails_alone() {
        let nothing = |_: &CallBudget, _: usize| Ok(());
        assert_eq!(surviving([2, 7, 2, 9, 2], nothing), "ace");
        assert_eq!(surviving([2, 2, 2, 2, 2], nothing), "abcde");
    }

    #[test]
    fn a_sub_call_has_the_budget_of_its_call() {
        let parameters = RequestParameters::new();
        let cancellation = Cancellation::default();
        let mut call = Call::new("/x", vec![Document::new("a")].into(), &parameters)
            .with_deadline(None, cancellation.clone())
            .with_bytes_max(5000);
        let used = call.documents().memory_bytes();
        let sub_call = call.sub_call("/y", &parameters);
        let budget = sub_call.budget();
        assert!(budget.reserve(5001 - used).is_err() && budget.reserve(5000 - used).is_ok());
        cancellation.cancel();
        assert!(sub_call.check().is_err());
    }
}
