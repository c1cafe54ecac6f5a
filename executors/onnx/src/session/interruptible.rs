//! Options of a run of ONNX Runtime that another thread can end.
#![expect(unsafe_code, reason = "it owns a foreign interface")]

use std::sync::Arc;

use flowrun_sdk::{CancelGuard, Cancellation};
use ort::session::{HasSelectedOutputs, OutputSelector, RunOptions};

/// Options that select outputs, shared with the threads that may end the run.
pub(super) struct InterruptibleOptions(RunOptions<HasSelectedOutputs>);

// SAFETY: `ort` does not share options with selected outputs because a value could be preallocated in them and changed by
// two threads. These have none, and other threads only set the flag that ends the run, which ONNX Runtime allows at any
// time.
unsafe impl Sync for InterruptibleOptions {}

impl InterruptibleOptions {
    /// Options of a run that computes the named outputs.
    pub(super) fn new(outputs: &[&str]) -> ort::Result<Arc<Self>> {
        let none = OutputSelector::no_default();
        let selector = outputs.iter().fold(none, |selector, name| selector.with(*name));
        Ok(Arc::new(Self(RunOptions::new()?.with_outputs(selector))))
    }

    /// The options, for the call that starts the run.
    pub(super) fn options(&self) -> &RunOptions<HasSelectedOutputs> {
        &self.0
    }

    /// Ends the run after the current operator, once `cancellation` is cancelled, until the guard is dropped.
    pub(super) fn end_on(self: &Arc<Self>, cancellation: &Cancellation) -> CancelGuard {
        let options = Arc::clone(self);
        cancellation.on_cancel(move || {
            if let Err(error) = options.0.terminate() {
                flowrun_sdk::tracing::warn!(%error, "a run of ONNX Runtime could not be ended");
            }
        })
    }
}
