//! The edges of the graph: what a pod makes goes on from here, and arrives there.
//!
//! There is no task between pods: whoever finishes a part carries it on, through joins, past pods that have nothing to
//! do with it and through those that are called in place, up to the channel of the next worker. Channels have a slot for every credit, so this never
//! waits. An [`Inlet`] holds the sending ends of its pod's channels and is held by the workers in front of it; when
//! those are gone the channels close, and so the end of the input travels through the flow.

use std::sync::Arc;
use std::time::Instant;

use flowrun_sdk::filter::Filter;
use flowrun_sdk::{Endpoints, ExecutorError, Ranking, top_k};

use super::channel::{Sender, Sent};
use super::content::Content;
use super::merge::{Law, Matches};
use super::meter::Meter;
use super::obligation::InFlightRequest;
use super::part::Part;
use super::request::{Outcome, RequestError, Response};
use super::shards::Shards;
use super::split::{Seat, Way, split};
use crate::spec::{Join, Polling, PollingTable};

/// Where parts arrive at a pod.
pub(super) struct Inlet {
    /// The pod's position, which names its join.
    pub(super) pod: usize,
    /// How many parts it waits for.
    pub(super) inputs: usize,
    /// How they become one.
    pub(super) join: Join,
    /// Which documents go to it; all of them when absent.
    pub(super) when: Option<Arc<Filter>>,
    /// Which requests its executor wants to see.
    pub(super) endpoints: Endpoints,
    /// Which shards see a request.
    pub(super) polling: PollingTable,
    /// What is known of the shards.
    pub(super) shards: Shards,
    /// One channel for each of them.
    pub(super) channels: Vec<Sender>,
    /// Whether parts may wait there for others.
    pub(super) batches: bool,
    /// Counts what waits.
    pub(super) meter: Arc<Meter>,
    /// Where parts go that the pod has nothing to do with.
    pub(super) outlet: Arc<Outlet>,
}

/// Where parts go on from a pod, or from the entrance.
#[derive(Default)]
pub(super) struct Outlet {
    /// The pod that they lead from; none for the entrance.
    pub(super) pod: Option<(usize, Arc<str>)>,
    /// The pods that need this one, and which of their inputs it is.
    pub(super) inlets: Vec<(Arc<Inlet>, usize)>,
    /// Which of the parts of the reply this is, and how many there are.
    pub(super) exit: Option<(usize, usize)>,
    /// How the matches that the pod finds are ordered.
    pub(super) ranking: Option<Ranking>,
    /// How the replies of its shards become one.
    pub(super) replies: Join,
}

/// The executor's name in that of its pod: what stands before and behind it is a pod of its own, `NAME/before`.
pub(super) fn executor_name(pod: &str) -> &str {
    pod.split_once('/').map_or(pod, |(name, _)| name)
}

/// The join at the exit, beside those of the pods.
const EXIT: usize = usize::MAX;

/// A part that is about to arrive at an input of a pod.
struct Arrival {
    inlet: Arc<Inlet>,
    input: usize,
    content: Content,
}

impl Outlet {
    /// Takes over what a worker made of a part: waits for the other shards, then sends it on.
    pub(super) fn finish(&self, request: Arc<InFlightRequest>, content: Content, seat: Option<Seat>) {
        if let Some(content) = self.whole(&request, content, seat) {
            self.send(&request, content);
        }
    }

    /// Takes over a part that a worker has made what its content is.
    pub(super) fn take(&self, Part { request, content, seat, .. }: Part) {
        self.finish(request, content, seat);
    }

    /// What all shards made of a part, when this was the last of them.
    fn whole(&self, request: &InFlightRequest, content: Content, seat: Option<Seat>) -> Option<Content> {
        let whole = match seat {
            None => content,
            Some(seat) => seat.sit(self.signed(content, self.replies), self.law(request), request)?,
        };
        if let (Some((pod, _)), Some(trace)) = (&self.pod, &request.trace) {
            trace.end(*pod);
        }
        Some(whole)
    }

    /// Sends a part on to everything that needs it.
    pub(super) fn send(&self, request: &Arc<InFlightRequest>, content: Content) {
        let mut arrivals = Vec::new();
        self.spread(request, content, &mut arrivals);
        while let Some(Arrival { inlet, input, content }) = arrivals.pop() {
            let Some(content) = inlet.join(request, input, content) else { continue };
            if inlet.passes_by(request, &content) {
                inlet.outlet.spread(request, content, &mut arrivals);
                continue;
            }
            let content = inlet.choose(content);
            if inlet.is_left_out(request, &content) {
                inlet.outlet.spread(request, content, &mut arrivals);
            } else {
                inlet.dispatch(request, content, &mut arrivals);
            }
        }
    }

    /// Lists where a part arrives next; at the exit, the request is answered.
    fn spread(&self, request: &Arc<InFlightRequest>, content: Content, arrivals: &mut Vec<Arrival>) {
        let mut copies = self.inlets.len() + usize::from(self.exit.is_some());
        let mut content = content;
        let mut next = || {
            copies -= 1;
            if copies == 0 { std::mem::take(&mut content) } else { content.clone() }
        };
        if let Some((input, inputs)) = self.exit {
            let parts = match inputs {
                1 => Some(vec![next()]),
                _ => request.gather(EXIT, input, inputs, next()),
            };
            if let Some(parts) = parts {
                let mut content = request.merge(parts, Law::default());
                if let Some(order) = &request.order {
                    order.restore(&mut content.documents);
                }
                request.settle(outcome(content));
            }
        }
        for (inlet, input) in &self.inlets {
            let content = self.signed(next(), inlet.join);
            arrivals.push(Arrival { inlet: Arc::clone(inlet), input: *input, content });
        }
    }

    /// A part that says where it is from, if those who make one of several want to know.
    fn signed(&self, content: Content, join: Join) -> Content {
        match (&self.pod, join) {
            (Some((_, name)), Join::Append) => content.from(name),
            _ => content,
        }
    }

    /// The name of the executor whose pod this is.
    fn executor(&self) -> &str {
        self.pod.as_ref().map_or("", |(_, name)| executor_name(name))
    }

    /// How the parts of several shards are merged for this request.
    fn law(&self, request: &InFlightRequest) -> Law {
        let matches = self.ranking.map(|ranking| {
            let parameters = request.parameters_for(self.executor());
            let asked = top_k(&parameters).ok().flatten();
            Matches { order: ranking.order, top_k: asked.unwrap_or(ranking.top_k) }
        });
        Law { join: self.replies, matches }
    }
}

impl Inlet {
    /// Waits for the other parts, if there are any; returns the whole when this was the last.
    fn join(&self, request: &InFlightRequest, input: usize, content: Content) -> Option<Content> {
        if self.inputs <= 1 {
            return Some(content);
        }
        let parts = request.gather(self.pod, input, self.inputs, content)?;
        Some(request.merge(parts, Law { join: self.join, matches: None }))
    }

    /// Whether the pod's executor has nothing to do with a request.
    fn passes_by(&self, request: &InFlightRequest, content: &Content) -> bool {
        if content.error.is_some() || request.is_given_up() {
            return true;
        }
        let meant = request.target.as_ref().is_none_or(|target| target.means(self.outlet.executor()));
        let handled = self.endpoints.handles(&request.endpoint);
        if let Some(trace) = &request.trace {
            trace.begin(self.pod);
            if meant && !handled {
                trace.end(self.pod);
            }
        }
        !meant || !handled
    }

    /// The part with the documents that go to the pod; the others leave the branch here.
    fn choose(&self, mut content: Content) -> Content {
        if let Some(when) = &self.when {
            content.retain(|document| when.matches(document));
        }
        content
    }

    /// Whether the request came with documents, and none of them goes to the pod.
    fn is_left_out(&self, request: &InFlightRequest, content: &Content) -> bool {
        let came = || request.order.as_ref().is_some_and(|order| !order.is_empty());
        let left_out = self.when.is_some() && content.documents.is_empty() && came();
        if let Some(trace) = request.trace.as_ref().filter(|_| left_out) {
            trace.end(self.pod);
        }
        left_out
    }

    /// Which shards see a request; of a choice among them the reply will tell.
    ///
    /// # Errors
    /// When its parameters do not say which.
    fn way(&self, request: &InFlightRequest, content: &mut Content) -> Result<Way, ExecutorError> {
        if self.channels.len() == 1 {
            return Ok(Way::Only);
        }
        let parameters = request.parameters_for(self.outlet.executor());
        let all = || Way::Whole((0..self.channels.len()).collect());
        Ok(match self.polling.get(&request.endpoint) {
            Polling::Relevant => {
                let relevant = self.shards.relevant(&request.endpoint, &parameters, &content.documents)?;
                let (asked, shards) = (relevant.len(), self.channels.len());
                content.results.insert(
                    self.outlet.executor().to_owned(),
                    serde_json::json!({"shards_asked": asked, "shards": shards}),
                );
                Way::Whole(relevant)
            }
            Polling::All => all(),
            // A request without documents has nothing to choose a shard by.
            Polling::Any if content.documents.is_empty() => all(),
            Polling::Any if self.shards.are_all_concerned(&request.endpoint, &parameters) => all(),
            Polling::Any => self.shards.place(&content.documents),
        })
    }

    /// Hands a request to the workers. What they made of it on the spot arrives where it goes next.
    fn dispatch(&self, request: &Arc<InFlightRequest>, content: Content, arrivals: &mut Vec<Arrival>) {
        let mut content = content;
        let way = match self.way(request, &mut content) {
            Ok(way) => way,
            Err(error) => {
                let pod = self.outlet.pod.as_ref().map(|(_, name)| Arc::clone(name));
                let failed = Content::failed(RequestError { pod, error });
                let failed = self.outlet.whole(request, failed, None);
                failed.into_iter().for_each(|failed| self.outlet.spread(request, failed, arrivals));
                return;
            }
        };
        let arrived = self.batches.then(Instant::now);
        for (shard, content, seat) in split(content, way) {
            let part = Part { request: Arc::clone(request), content, seat, arrived };
            self.meter.queued();
            match self.channels.get(shard).map_or(Sent::Lost, |sender| sender.send(part)) {
                Sent::OnItsWay => {}
                Sent::Done(Part { content, seat, .. }) => {
                    if let Some(content) = self.outlet.whole(request, content, seat) {
                        self.outlet.spread(request, content, arrivals);
                    }
                }
                // A defect; the part is dropped, and its request answers for itself.
                Sent::Lost => {
                    debug_assert!(
                        false,
                        "channels have a slot for every credit and outlive what is sent into them"
                    );
                    self.meter.unqueued();
                }
            }
        }
    }
}

/// The answer that what arrived at the exit stands for.
fn outcome(content: Content) -> Outcome {
    match content.error {
        Some(error) => Outcome::Failed(error),
        None => Outcome::Reply(Response {
            documents: content.documents,
            failures: content.failures,
            results: content.results,
        }),
    }
}
