//! An executor that blocks its calls while the gate is closed. There is one gate per process; it is closed until the first
//! [`Closed`] is dropped.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use flowrun_sdk::{
    Build, BuildError, Call, Executor, ExecutorDescription, ExecutorError, ExecutorType, Instance,
};

flowrun_sdk::parameters! {
    /// No parameters.
    struct GateParameters {}
}

pub(crate) const GATE: ExecutorType =
    ExecutorType::new::<GateParameters>("Gate", "Blocks while the gate is closed.", create);

/// The same, described as a store that writes at `/index`.
pub(crate) const GATE_STORE: ExecutorType =
    ExecutorType::new::<GateParameters>("GateStore", "Blocks while the gate is closed.", create)
        .with_description(|_| ExecutorDescription::plain().with_storage(&["/index"]));

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

/// Blocks until the gate is open.
pub(crate) fn wait() {
    drop(OPENED.wait_while(OPEN.lock().unwrap(), |open| !*open).unwrap());
}

/// Keeps the gate of this process closed until it is dropped. Only one test at a time has it closed.
pub(crate) struct Closed(#[expect(dead_code, reason = "held, not read")] MutexGuard<'static, ()>);

/// Closes the gate. Blocks while another test has it closed.
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
