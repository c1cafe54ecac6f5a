//! Keeps one child running: starts it again when it dies, later and later when it does not do any better.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use flowrun_sdk::{ErrorKind, ExecutorError, Health, tracing};
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::link::Link;
use crate::recipe::{NotMade, Recipe};

/// Deaths without a single call answered in between, from which on calls are answered with the reason at once.
const HOPELESS: u32 = 5;

/// The first wait before a child that achieved nothing is started again, and the longest. The first time there is none.
const WAIT_FIRST: Duration = Duration::from_millis(100);
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Deaths within a time that are too many for the pod to be ready.
const DEATHS_MAX: usize = 5;
const DEATHS_WITHIN: Duration = Duration::from_secs(60);

/// What there is at the moment.
#[derive(Clone)]
enum State {
    /// A child that can be called.
    Running(Arc<Link>),
    /// None; one is on its way.
    Coming,
    /// None, and calls need not wait for one: why.
    Hopeless(Arc<str>),
}

/// Keeps one child running until it is closed or dropped.
pub(crate) struct Keeper {
    state: watch::Receiver<State>,
    /// Says that the child is to be closed, by being dropped or set.
    stop: watch::Sender<bool>,
    closed: watch::Receiver<Option<Result<(), String>>>,
}

impl Keeper {
    /// Starts the child; returns when it can be called.
    ///
    /// # Errors
    /// Why it cannot be.
    pub(crate) async fn start(recipe: Recipe, health: Health) -> Result<(Self, Arc<Link>), NotMade> {
        let (tell, told) = watch::channel(None);
        let link = Arc::new(Link::start(&recipe, tell.clone()).await?);
        let (set, state) = watch::channel(State::Running(Arc::clone(&link)));
        let (stop, stopped) = watch::channel(false);
        let (say_closed, closed) = watch::channel(None);
        let watch = Watch { recipe, health, tell, told, set, deaths: VecDeque::new(), fruitless: 0 };
        let first = Arc::clone(&link);
        tokio::spawn(async move {
            let end = watch.run(first, stopped).await;
            say_closed.send_replace(Some(end));
        });
        Ok((Self { state, stop, closed }, link))
    }

    /// A child with room for a call, once there is one.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn seat(&self) -> Result<(Arc<Link>, OwnedSemaphorePermit), ExecutorError> {
        let mut state = self.state.clone();
        loop {
            let now = state.wait_for(|state| !matches!(state, State::Coming)).await.map(|now| now.clone());
            let link = match now {
                Ok(State::Running(link)) => link,
                Ok(State::Hopeless(reason)) => return Err(gone(&reason)),
                Ok(State::Coming) | Err(_) => return Err(gone("was closed")),
            };
            if let Ok(seat) = Arc::clone(&link.seats).acquire_owned().await {
                return Ok((link, seat));
            }
            // It died while others were being served. Whoever watches over it says what comes next.
            let same = |state: &State| matches!(state, State::Running(now) if Arc::ptr_eq(now, &link));
            if state.wait_for(|state| !same(state)).await.is_err() {
                return Err(gone("was closed"));
            }
        }
    }

    /// Lets the child write out what it holds, and end.
    ///
    /// # Errors
    /// When it could not.
    pub(crate) async fn close(&self) -> Result<(), ExecutorError> {
        self.stop.send_replace(true);
        let mut closed = self.closed.clone();
        let end = closed.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
        end.unwrap_or(Ok(())).map_err(ExecutorError::resource)
    }
}

/// The error of a call whose child is gone.
pub(crate) fn gone(how: &str) -> ExecutorError {
    ExecutorError::new(ErrorKind::Internal, format_args!("the executor's process {how}"))
}

struct Watch {
    recipe: Recipe,
    health: Health,
    tell: watch::Sender<Option<String>>,
    /// What the child says about its health.
    told: watch::Receiver<Option<String>>,
    set: watch::Sender<State>,
    deaths: VecDeque<Instant>,
    /// Children in a row that died, or did not come to be, without an answer to any call.
    fruitless: u32,
}

impl Watch {
    /// Watches until it is told to stop.
    async fn run(mut self, first: Arc<Link>, mut stop: watch::Receiver<bool>) -> Result<(), String> {
        let mut link = first;
        loop {
            let how = loop {
                self.tell_condition(None);
                let calmer = self.deaths.back().map(|last| *last + DEATHS_WITHIN);
                let look_again = tokio::time::sleep_until(calmer.unwrap_or_else(far).into());
                tokio::select! {
                    how = link.gone() => break how,
                    () = stopped(&mut stop) => return link.close().await,
                    changed = self.told.changed() => if changed.is_err() { return Ok(()) },
                    () = look_again => self.forget_old(),
                }
            };
            self.fruitless = if link.proven.load(Ordering::Relaxed) { 1 } else { self.fruitless + 1 };
            self.died(&how);
            drop(link);
            link = loop {
                tokio::select! {
                    () = tokio::time::sleep(wait(self.fruitless)) => {}
                    () = stopped(&mut stop) => return Ok(()),
                }
                let starting = Link::start(&self.recipe, self.tell.clone());
                let started = tokio::select! {
                    started = starting => started,
                    () = stopped(&mut stop) => return Ok(()),
                };
                match started {
                    Ok(started) => break Arc::new(started),
                    Err(error) => {
                        self.fruitless += 1;
                        self.died(&format!("cannot be started again: {error}"));
                    }
                }
            };
            tracing::warn!(pod = &*self.recipe.pod, "the executor's process was started again");
            self.set.send_replace(State::Running(Arc::clone(&link)));
        }
    }

    /// Notes that there is no child, and why.
    fn died(&mut self, how: &str) {
        tracing::error!(pod = &*self.recipe.pod, "the executor's process {how}");
        self.deaths.push_back(Instant::now());
        self.forget_old();
        self.tell_condition(Some(how));
        let hopeless = self.fruitless >= HOPELESS;
        self.set.send_replace(if hopeless { State::Hopeless(how.into()) } else { State::Coming });
    }

    fn forget_old(&mut self) {
        self.deaths.retain(|death| death.elapsed() < DEATHS_WITHIN);
    }

    /// Tells how the pod is: `down` is why there is no child, if there is none.
    fn tell_condition(&mut self, down: Option<&str>) {
        let told = self.told.borrow_and_update().clone();
        let often = self.deaths.len() >= DEATHS_MAX;
        let often = often.then(|| {
            format!("its process died {} times within {} s", self.deaths.len(), DEATHS_WITHIN.as_secs())
        });
        let down = down.map(|how| format!("its process {}", how.lines().next().unwrap_or_default()));
        let troubles: Vec<String> = [often, down, told].into_iter().flatten().collect();
        match troubles.is_empty() {
            true => self.health.set_healthy(),
            false => self.health.set_unhealthy(troubles.join("; ")),
        }
    }
}

/// How long to wait after so many children that achieved nothing.
fn wait(fruitless: u32) -> Duration {
    let doublings = fruitless.saturating_sub(2);
    match fruitless {
        0 | 1 => Duration::ZERO,
        _ => WAIT_FIRST.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(WAIT_MAX),
    }
}

/// Waits for the word to stop, or for nobody being there to say it.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// A time that does not come.
fn far() -> Instant {
    Instant::now() + Duration::from_secs(86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_started_again_at_once_and_then_later_and_later() {
        let waits: Vec<u128> = (0..=12).map(|fruitless| wait(fruitless).as_millis()).collect();
        assert_eq!(waits, [0, 0, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
        assert_eq!(wait(u32::MAX), WAIT_MAX);
    }
}
