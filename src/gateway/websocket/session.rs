//! One conversation: frames in, frames out, in the order in which replies are ready.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::frame::{Frame, Kept, Tongue};
use crate::gateway::admission::Ticket;
use crate::gateway::exchange::{Question, Refusal};
use crate::gateway::service::Gateway;
use crate::gateway::wire::Caller;
use crate::limits::{CLIENT_TIMEOUT, CLOSE_TIMEOUT, ERROR_LINGER};

/// Bytes of the reason that a close frame may give.
const REASON_BYTES_MAX: usize = 123;

/// A reply on its way, and whether it tells of a failure.
type Answering = Pin<Box<dyn Future<Output = (Message, bool)> + Send>>;

/// How a conversation ends when nothing is under way any more.
enum Ending {
    /// It goes on.
    NotYet,
    /// As the client wished.
    Done,
    /// With a reason of ours.
    Broken(u16, String),
    /// The client has gone.
    Gone,
}

/// Serves one conversation to its end.
pub(super) async fn talk(mut socket: WebSocket, gateway: Arc<Gateway>, tongue: Tongue, caller: Caller) {
    let mut answering: FuturesUnordered<Answering> = FuturesUnordered::new();
    let mut held: Option<(Kept, usize, Question)> = None;
    let mut ending = Ending::NotYet;
    let mut failed = false;
    loop {
        if let Some((kept, bytes, question)) = held.take() {
            match gateway.enter_in_turn(bytes, !answering.is_empty()) {
                Ok(Some(ticket)) => answering.push(answer(&gateway, ticket, kept, question)),
                Ok(None) => held = Some((kept, bytes, question)),
                Err(refusal @ Refusal::Overloaded(_)) => {
                    answering.push(Box::pin(async move { (kept.reply(Err(refusal)), true) }));
                }
                Err(refusal) => ending = Ending::Broken(close_code::AWAY, refusal.to_string()),
            }
        }
        let reading = matches!(ending, Ending::NotYet);
        if !reading && answering.is_empty() {
            if failed {
                let _ = tokio::time::timeout(ERROR_LINGER, socket.recv()).await;
            }
            return close(socket, ending).await;
        }
        let room = reading && held.is_none() && answering.len() < gateway.prefetch;
        tokio::select! {
            reply = answering.next(), if !answering.is_empty() => {
                if let Some((reply, of_failure)) = reply {
                    failed |= of_failure;
                    if !send(&mut socket, reply).await {
                        return;
                    }
                }
            }
            message = socket.recv(), if room => match message.map(|message| message.map(|message| tongue.read(message, &caller))) {
                Some(Ok(Frame::Request(kept, bytes, question))) => match *question {
                    Ok(question) => held = Some((kept, bytes, question)),
                    Err(refusal) => answering.push(Box::pin(async move { (kept.reply(Err(refusal)), true) })),
                },
                Some(Ok(Frame::Nothing)) => {}
                Some(Ok(Frame::End)) => ending = Ending::Done,
                Some(Ok(Frame::Garbage(reason))) => ending = Ending::Broken(close_code::INVALID, reason),
                Some(Err(_)) | None => ending = Ending::Gone,
            },
            () = gateway.admission.ended(), if reading => {
                ending = Ending::Broken(close_code::AWAY, Refusal::Ending.to_string());
            }
        }
        if matches!(ending, Ending::Gone) {
            // Nobody waits for what is under way: dropping it gives it up.
            return;
        }
    }
}

/// Asks the flow; the frame that answers.
fn answer(gateway: &Arc<Gateway>, ticket: Ticket, kept: Kept, question: Question) -> Answering {
    let gateway = Arc::clone(gateway);
    Box::pin(async move {
        let answer = gateway.ask(&ticket, question).await;
        let failed = answer.as_ref().map_or(true, |answer| answer.result.is_err());
        (kept.reply(answer), failed)
    })
}

/// Sends a frame; `false` when the client has gone or does not take it.
async fn send(socket: &mut WebSocket, message: Message) -> bool {
    matches!(tokio::time::timeout(CLIENT_TIMEOUT, socket.send(message)).await, Ok(Ok(())))
}

/// Says how the conversation ended, and waits for the client to agree.
async fn close(mut socket: WebSocket, ending: Ending) {
    let (code, reason) = match ending {
        Ending::Broken(code, reason) => (code, reason),
        _ => (close_code::NORMAL, String::new()),
    };
    let mut end = reason.len().min(REASON_BYTES_MAX);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let reason = reason.get(..end).unwrap_or_default().into();
    if send(&mut socket, Message::Close(Some(CloseFrame { code, reason }))).await {
        let agreed = async { while let Some(Ok(_)) = socket.recv().await {} };
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, agreed).await;
    }
}
