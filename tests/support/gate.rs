//! An executor that lets nothing through until it is told to.

use std::sync::{Condvar, Mutex};

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
    Ok(Instance::thread(Gate))
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

/// Opens or closes every gate of this process.
pub(crate) fn set_open(open: bool) {
    *OPEN.lock().unwrap() = open;
    OPENED.notify_all();
}
