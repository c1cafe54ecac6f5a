//! An executor that lets nothing through until it is told to.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use flowrun_sdk::{Build, BuildError, Call, Executor, ExecutorError, ExecutorType, Instance};

flowrun_sdk::parameters! {
    /// A gate has none.
    struct GateParameters {}
}

pub(crate) const GATE: ExecutorType =
    ExecutorType::new::<GateParameters>("Gate", "Waits until it is opened.", create);

static OPEN: Mutex<bool> = Mutex::new(false);
static OPENED: Condvar = Condvar::new();

struct Gate;

fn create(_: &Build) -> Result<Instance, BuildError> {
    Ok(Instance::new(Gate))
}

impl Executor for Gate {
    fn execute(&mut self, _: &mut Call<'_>) -> Result<(), ExecutorError> {
        wait();
        Ok(())
    }
}

/// Waits until the gates are open.
pub(crate) fn wait() {
    drop(OPENED.wait_while(OPEN.lock().unwrap(), |open| !*open).unwrap());
}

/// All gates of this process are closed while this is there. Tests that close them take turns.
pub(crate) struct Closed(#[expect(dead_code, reason = "held, not read")] MutexGuard<'static, ()>);

/// Closes the gates.
pub(crate) fn close() -> Closed {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    *OPEN.lock().unwrap() = false;
    Closed(turn)
}

impl Drop for Closed {
    fn drop(&mut self) {
        *OPEN.lock().unwrap() = true;
        OPENED.notify_all();
    }
}
