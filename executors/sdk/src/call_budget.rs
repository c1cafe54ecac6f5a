//! What a call may still use: time, and bytes of memory.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::time::Instant;

use parking_lot::Mutex;

use crate::{ErrorKind, ExecutorError};

/// The sign by which a request tells its executors that nobody waits for it any more.
#[derive(Clone, Debug, Default)]
pub struct Cancellation(Arc<Sign>);

#[derive(Default)]
struct Sign {
    given: AtomicBool,
    /// Whom to ask who can only be asked: a host on the other side of a boundary.
    ask: Option<Mutex<Option<Ask>>>,
    /// Who waits for it.
    waiting: Mutex<Vec<Waker>>,
    /// The signs of which each has to be given; none for a sign of its own.
    all: Vec<Cancellation>,
}

type Ask = Box<dyn Fn() -> bool + Send + Sync>;

impl fmt::Debug for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sign({:?})", self.given)
    }
}

impl Cancellation {
    /// A sign that is given when somebody says so who has to be asked.
    pub(crate) fn polled(ask: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        let ask: Ask = Box::new(ask);
        Self(Arc::new(Sign { ask: Some(Mutex::new(Some(ask))), ..Sign::default() }))
    }

    /// The sign that is given once each of these is: for a call that several requests wait for.
    #[must_use]
    pub fn when_all(signs: Vec<Cancellation>) -> Self {
        Self(Arc::new(Sign { all: signs, ..Sign::default() }))
    }

    /// Asks no more.
    pub(crate) fn stop_polling(&self) {
        if let Some(ask) = &self.0.ask {
            *ask.lock() = None;
        }
    }

    /// Gives the sign.
    pub fn cancel(&self) {
        self.0.given.store(true, Ordering::Release);
        for waker in std::mem::take(&mut *self.0.waiting.lock()) {
            waker.wake();
        }
    }

    /// Whether the sign was given.
    pub fn is_cancelled(&self) -> bool {
        let asked = |ask: &Mutex<Option<Ask>>| ask.lock().as_ref().is_some_and(|ask| ask());
        let all = &self.0.all;
        self.0.given.load(Ordering::Acquire)
            || self.0.ask.as_ref().is_some_and(asked)
            || (!all.is_empty() && all.iter().all(Self::is_cancelled))
    }

    /// Waits for the sign.
    pub async fn cancelled(&self) {
        for sign in &self.0.all {
            Box::pin(sign.cancelled()).await;
        }
        if !self.0.all.is_empty() {
            return;
        }
        let look = |context: &mut std::task::Context<'_>| {
            let mut waiting = self.0.waiting.lock();
            // Whoever gives the sign looks for those who wait behind that, under the same lock.
            if self.is_cancelled() {
                return Poll::Ready(());
            }
            if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                waiting.push(context.waker().clone());
            }
            Poll::Pending
        };
        std::future::poll_fn(look).await;
    }
}

/// What a call may still use: the time until its deadline, and the bytes that its documents may still grow by.
/// Clones are the same budget, so that it can be held while [`Call::for_each`](crate::Call::for_each) lends out documents.
///
/// An executor that makes much of little (pixels of a file, chunks of a document) *takes* the bytes before it
/// allocates them: the document that asks for too much then fails alone, and memory stays within the bound. Nothing is
/// given back by hand. What was taken is an advance, which `each` and `each_siblings` replace, behind every change, by
/// what the changed documents really hold; a document that failed holds nothing. An executor that takes nothing is
/// bounded in the same way, one change later.
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
    /// Bytes that the documents hold, and those taken since they were counted.
    held: Arc<AtomicUsize>,
}

impl CallBudget {
    /// Without bounds.
    pub(crate) fn unbounded() -> Self {
        Self {
            deadline: None,
            cancellation: Cancellation::default(),
            bytes_max: usize::MAX,
            held: Arc::default(),
        }
    }

    /// The same bytes, until another time.
    pub(crate) fn with_deadline(self, deadline: Option<Instant>, cancellation: Cancellation) -> Self {
        Self { deadline, cancellation, ..self }
    }

    /// The same time, for documents that hold so many bytes and may hold `bytes_max`.
    pub(crate) fn with_bytes(self, bytes_max: usize, held: usize) -> Self {
        Self { bytes_max, held: Arc::new(held.into()), ..self }
    }

    /// Whether the call is still worth finishing. Long work asks now and then: for each frame, piece or row.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] or [`ErrorKind::Expired`] when it is not.
    pub fn check(&self) -> Result<(), ExecutorError> {
        if self.cancellation.is_cancelled() {
            return Err(ExecutorError::new(ErrorKind::Cancelled, "the request was given up"));
        }
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(ExecutorError::new(ErrorKind::Expired, "the deadline passed"));
        }
        Ok(())
    }

    /// Takes bytes that the document at hand is going to hold.
    ///
    /// # Errors
    /// [`ErrorKind::Resource`] when the documents of the call would hold more than they may; nothing is taken then.
    pub fn reserve(&self, bytes: usize) -> Result<(), ExecutorError> {
        let taken = |held: usize| held.checked_add(bytes).filter(|held| *held <= self.bytes_max);
        let update = self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken);
        update.map(drop).map_err(|_| self.exhausted())
    }

    /// When the call has to be answered.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The sign by which the call is given up.
    pub fn cancellation(&self) -> &Cancellation {
        &self.cancellation
    }

    /// Bytes that the documents may hold.
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Bytes held and taken.
    pub(crate) fn used(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Counts anew: the documents hold so many bytes.
    pub(crate) fn set_used(&self, held: usize) {
        self.held.store(held, Ordering::Relaxed);
    }

    /// Runs `change`, and counts what `target` holds then in place of what it held and of what was taken meanwhile.
    ///
    /// # Errors
    /// Those of [`CallBudget::check`], of `change`, and of [`CallBudget::reserve`] when `target` has grown too much.
    pub(crate) fn track_change<T: ?Sized>(
        &self,
        target: &mut T,
        bytes: impl Fn(&T) -> usize,
        change: impl FnOnce(&mut T) -> Result<(), ExecutorError>,
    ) -> Result<(), ExecutorError> {
        self.check()?;
        let (held, before) = (self.used(), bytes(target));
        change(target)?;
        let after = bytes(target);
        let held = held.saturating_sub(before).saturating_add(after);
        self.set_used(held);
        // Documents that were too large on arrival may pass as long as they do not grow.
        if after > before && held > self.bytes_max { Err(self.exhausted()) } else { Ok(()) }
    }

    fn exhausted(&self) -> ExecutorError {
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
    fn what_is_too_much_takes_nothing() {
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
    fn what_a_change_took_is_replaced_by_what_it_left() {
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
    fn growing_without_asking_is_noticed_and_shrinking_never_refused() {
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

    /// Which of five documents of 1 kB get through when 10 kB are allowed and each becomes so many kB.
    fn through(
        kilobytes: [usize; 5],
        ask: impl Fn(&CallBudget, usize) -> Result<(), ExecutorError>,
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
            ask(&budget, bytes)?;
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
    fn a_document_beyond_the_allowance_fails_alone_and_gives_its_share_back() {
        let take = |budget: &CallBudget, bytes: usize| budget.reserve(bytes);
        // 5 kB are left for each in turn; b failed, so that d has its kilobyte too.
        assert_eq!(through([1, 9, 1, 6, 1], take), "acde");
        assert_eq!(through([1, 9, 1, 7, 1], take), "ace");
        // Small ones make room.
        assert_eq!(through([0, 0, 0, 0, 9], take), "abcde");
    }

    #[test]
    fn a_document_that_grows_without_asking_fails_alone() {
        let nothing = |_: &CallBudget, _: usize| Ok(());
        assert_eq!(through([2, 7, 2, 9, 2], nothing), "ace");
        assert_eq!(through([2, 2, 2, 2, 2], nothing), "abcde");
    }

    #[test]
    fn a_sign_of_several_is_given_with_the_last_of_them() {
        let signs = [Cancellation::default(), Cancellation::default()];
        let all = Cancellation::when_all(signs.to_vec());
        signs[1].cancel();
        assert!(!all.is_cancelled());
        let mut waiting = std::pin::pin!(all.cancelled());
        let mut context = std::task::Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        signs[0].cancel();
        assert!(waiting.as_mut().poll(&mut context).is_ready() && all.is_cancelled());
    }

    #[test]
    fn a_part_has_the_bounds_of_the_whole() {
        let parameters = RequestParameters::new();
        let cancellation = Cancellation::default();
        let mut call = Call::new("/x", vec![Document::new("a")].into(), &parameters)
            .with_deadline(None, cancellation.clone())
            .with_bytes_max(5000);
        let held = call.documents().memory_bytes();
        let part = call.sub_call("/y", &parameters);
        assert!(part.budget().reserve(5001 - held).is_err() && part.budget().reserve(5000 - held).is_ok());
        cancellation.cancel();
        assert!(part.check().is_err());
    }
}
