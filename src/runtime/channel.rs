//! The way to the workers of one shard. Threads take from a crossbeam channel, tasks from one of tokio's, both bounded;
//! what takes no time is called on the spot.

use tokio::sync::mpsc;

use super::in_place::InPlace;
use super::part::Part;

/// The sending end.
pub(super) enum Sender {
    /// To nobody else.
    InPlace(InPlace),
    /// To threads.
    Thread(crossbeam_channel::Sender<Part>),
    /// To a task.
    Task(mpsc::Sender<Part>),
}

impl Sender {
    /// Sends without waiting, or works itself.
    pub(super) fn send(&self, part: Part) -> Sent {
        let sent = match self {
            Self::InPlace(workers) => return Sent::Done(workers.work(part)),
            Self::Thread(sender) => sender.try_send(part).is_ok(),
            Self::Task(sender) => sender.try_send(part).is_ok(),
        };
        if sent { Sent::OnItsWay } else { Sent::Lost }
    }
}

/// What became of a part that was sent.
#[expect(clippy::large_enum_variant, reason = "a box would be an allocation a hop")]
pub(super) enum Sent {
    /// A worker will have it.
    OnItsWay,
    /// It was worked on.
    Done(Part),
    /// There was no slot, or nobody is there to receive.
    Lost,
}
