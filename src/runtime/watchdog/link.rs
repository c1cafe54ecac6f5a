//! The connection of a running worker with the flow, which the watchdog can cut.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::runtime::edges::PodOutput;
use crate::runtime::routing::Part;
use crate::runtime::worker::WorkerExit;

/// Destination of a worker's results and of its exit state. Cutting it closes the channels to the pods after it, as the
/// end of the worker does.
pub(in crate::runtime) struct WorkerLink(Mutex<Option<Ends>>);

struct Ends {
    output: Arc<PodOutput>,
    exit: oneshot::Sender<WorkerExit>,
}

/// The worker's side of a link, which it cuts when it ends in any way.
pub(in crate::runtime) struct WorkerGuard(Arc<WorkerLink>);

impl WorkerLink {
    /// Creates the link of a worker. Returns its two sides and the receiver of the exit state.
    pub(in crate::runtime) fn connect(
        output: Arc<PodOutput>,
    ) -> (Arc<Self>, WorkerGuard, oneshot::Receiver<WorkerExit>) {
        let (exit, exited) = oneshot::channel();
        let link = Arc::new(Self(Mutex::new(Some(Ends { output, exit }))));
        (Arc::clone(&link), WorkerGuard(link), exited)
    }

    /// The output side of the worker's pod; `None` after the link was cut.
    pub(super) fn output(&self) -> Option<Arc<PodOutput>> {
        self.0.lock().as_ref().map(|ends| Arc::clone(&ends.output))
    }

    /// Cuts the link with this exit state, unless that happened already.
    pub(super) fn cut(&self, exit: WorkerExit) {
        if let Some(ends) = self.0.lock().take() {
            // The receiver is gone when the flow was dropped without draining.
            let _ = ends.exit.send(exit);
        }
    }
}

impl WorkerGuard {
    /// Delivers a result, which is dropped after the link was cut.
    pub(in crate::runtime) fn deliver(&self, part: Part) {
        if let Some(output) = self.0.output() {
            output.deliver(part);
        }
    }

    /// Reports the exit state.
    pub(in crate::runtime) fn exit(self, exit: WorkerExit) {
        self.0.cut(exit);
    }
}

impl Drop for WorkerGuard {
    fn drop(&mut self) {
        // Without an exit state the worker died.
        let ends = self.0.0.lock().take();
        drop(ends);
    }
}
