//! Waiting for a process, within the time of a video and of its request.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use flowrun_sdk::{CallBudget, ErrorKind, ExecutorError};

/// Interval of checking for cancellation while waiting.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// The time that a video may take.
#[derive(Clone, Debug)]
pub(crate) struct TimeLimit<'a> {
    budget: &'a CallBudget,
    until: Instant,
    timeout: Duration,
    /// Kind and end of the message of the error about a timeout.
    error: (ErrorKind, &'static str),
}

/// Remedy for a parameter that is too short.
const LONGER_TIMEOUT: &str = " (`timeout`); set a longer one, or split the video";

impl<'a> TimeLimit<'a> {
    /// The time from now to `timeout`, or to the end of the request.
    pub(crate) fn new(budget: &'a CallBudget, timeout: Duration) -> Self {
        // A timeout that is too long for the clock is no timeout.
        let until = Instant::now().checked_add(timeout).unwrap_or_else(|| far_future(Instant::now()));
        Self { budget, until, timeout, error: (ErrorKind::Input, LONGER_TIMEOUT) }
    }

    /// Like [`new`](Self::new), for a timeout that no parameter sets.
    pub(crate) fn fixed(budget: &'a CallBudget, timeout: Duration) -> Self {
        let error = (ErrorKind::Expired, "; try again when the machine is less busy");
        Self { error, ..Self::new(budget, timeout) }
    }

    /// Waits for the next message, at most `longest`; `None` if the sender is gone.
    ///
    /// # Errors
    /// If the time is over, or the request ended. `work` describes the work of the sender, as in “reading the tracks”.
    pub(crate) fn receive<T>(
        &self,
        receiver: &Receiver<T>,
        longest: Duration,
        work: &str,
    ) -> Result<Option<T>, ExecutorError> {
        self.receive_with_progress(receiver, longest, work, &|| Ok(0))
    }

    /// Like [`receive`](Self::receive), but `longest` begins again when the value of `progress` changes.
    ///
    /// # Errors
    /// Those of [`receive`](Self::receive) and of `progress`.
    pub(crate) fn receive_with_progress<T>(
        &self,
        receiver: &Receiver<T>,
        longest: Duration,
        work: &str,
        progress: &dyn Fn() -> Result<u64, ExecutorError>,
    ) -> Result<Option<T>, ExecutorError> {
        let (mut begin, mut reached) = (Instant::now(), progress()?);
        loop {
            match receiver.recv_timeout(CHECK_INTERVAL) {
                Ok(message) => return Ok(Some(message)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.check(work)?;
            let now = progress()?;
            if now != reached {
                (begin, reached) = (Instant::now(), now);
            }
            if begin.elapsed() >= longest {
                let seconds = longest.as_secs_f64();
                return Err(ExecutorError::input(format_args!(
                    "{work} made no progress for {seconds} seconds"
                )));
            }
        }
    }

    /// Time that the whole video may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Checks that the time is not over and the request has not ended.
    ///
    /// # Errors
    /// Otherwise; `work` describes the work that is given up.
    pub(crate) fn check(&self, work: &str) -> Result<(), ExecutorError> {
        self.budget.check()?;
        if Instant::now() < self.until {
            return Ok(());
        }
        let seconds = self.timeout.as_secs_f64();
        let (kind, remedy) = self.error;
        Err(ExecutorError::new(
            kind,
            format_args!("{work} took more than the {seconds} seconds allowed{remedy}"),
        ))
    }
}

/// A time that is never reached.
fn far_future(now: Instant) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    now.checked_add(YEAR).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::mpsc;

    use flowrun_sdk::{Call, Document, RequestParameters};

    use super::*;

    /// The budget of a call without a deadline.
    fn budget() -> CallBudget {
        Call::new("/index", Vec::<Document>::new().into(), &RequestParameters::new()).budget()
    }

    #[test]
    fn a_sender_without_progress_is_given_up() {
        let (_sender, receiver) = mpsc::channel::<()>();
        let budget = budget();
        let time_limit = TimeLimit::new(&budget, Duration::MAX);
        let error = time_limit.receive(&receiver, CHECK_INTERVAL, "decoding").unwrap_err();
        assert_eq!(error.to_string(), "decoding made no progress for 0.05 seconds");
    }

    #[test]
    fn progress_extends_the_time_without_a_message() {
        let (sender, receiver) = mpsc::channel();
        let budget = budget();
        let time_limit = TimeLimit::new(&budget, Duration::MAX);
        let checks = Cell::new(0);
        let progress = || {
            checks.set(checks.get() + 1);
            if checks.get() == 5 {
                sender.send("a").unwrap();
            }
            Ok(checks.get())
        };
        // Longer than one interval and shorter than five.
        let longest = 2 * CHECK_INTERVAL;
        let message = time_limit.receive_with_progress(&receiver, longest, "decoding", &progress).unwrap();
        assert_eq!(message, Some("a"));
    }

    #[test]
    fn the_time_of_the_whole_video_ends_although_there_is_progress() {
        let (_sender, receiver) = mpsc::channel::<()>();
        let budget = budget();
        let time_limit = TimeLimit::new(&budget, CHECK_INTERVAL);
        let checks = Cell::new(0);
        let progress = || Ok(checks.replace(checks.get() + 1));
        let result = time_limit.receive_with_progress(&receiver, Duration::MAX, "decoding", &progress);
        let error = result.unwrap_err().to_string();
        assert_eq!(
            error,
            "decoding took more than the 0.05 seconds allowed (`timeout`); set a longer one, or split the video"
        );
    }
}
