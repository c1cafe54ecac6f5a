//! The edges of the running graph: carry a part from one pod to the next.
//!
//! There is no task between pods. The thread that finishes a part carries it on: through joins, past pods that do not
//! handle it, through inline executors, up to the channel of the next worker. Channels have a slot for every credit, so
//! sending never waits. A [`PodInput`] owns the sending ends of its pod's channels and is owned by the workers of the pods
//! before it; when those end, the channels close. Thus closing propagates through the flow.

use std::sync::Arc;
use std::time::Instant;

use flowrun_sdk::{Endpoints, ErrorKind, ExecutorError, Ranking, top_k};

use super::condition::PodCondition;
use super::metrics::PodMetrics;
use super::request::{
    Content, ExecutorNames, InFlightRequest, MatchPolicy, MergePolicy, Outcome, RequestError, Response,
};
use super::routing::{Fanout, GatherSlot, Part, PodShards, split};
use super::worker::{PartSender, SendResult};
use crate::spec::{Join, Polling, PollingTable};
use crate::topology::executor_name;

/// Input side of a pod: join, condition, choice of shards, channels.
pub(super) struct PodInput {
    /// Position of the pod in the topology; identifies its join in a request.
    pub(super) pod: usize,
    /// Number of parts that the pod waits for; more than one is a join.
    pub(super) inputs: usize,
    /// Treatment of documents that several inputs have.
    pub(super) join: Join,
    /// Condition of the documents that enter the pod; `None` lets all enter.
    pub(super) when: Option<PodCondition>,
    /// Endpoints that the executor handles; other requests skip the pod.
    pub(super) endpoints: Endpoints,
    /// Choice of shards by endpoint.
    pub(super) polling: PollingTable,
    /// Contents of the shards, and placement of documents.
    pub(super) shards: PodShards,
    /// One channel per shard.
    pub(super) channels: Vec<PartSender>,
    /// Set when workers form batches, which need arrival times.
    pub(super) batches: bool,
    pub(super) metrics: Arc<PodMetrics>,
    /// Continuation for parts that skip the pod.
    pub(super) output: Arc<PodOutput>,
}

/// Output side of a pod, or the entrance of the flow.
#[derive(Default)]
pub(super) struct PodOutput {
    /// Position and name of the pod; `None` for the entrance.
    pub(super) pod: Option<(usize, Arc<str>)>,
    /// Names by which requests address parameters to its executor.
    pub(super) names: ExecutorNames,
    /// The pods fed by this one, each with the number of the input.
    pub(super) targets: Vec<(Arc<PodInput>, usize)>,
    /// Input number at the exit and number of inputs there, when the pod contributes to the reply.
    pub(super) exit: Option<(usize, usize)>,
    /// Order of the matches that the executor returns; `None` when it returns none.
    pub(super) ranking: Option<Ranking>,
    /// Treatment of documents that several shards return.
    pub(super) shard_join: Join,
    /// Set unless the pod is floating: the reply waits for it.
    pub(super) leads_to_exit: bool,
}

/// Key of the join at the exit, next to the positions of pods.
const EXIT: usize = usize::MAX;

/// A part about to enter a pod. Arrivals are kept in a list instead of on the stack, however long a chain of pods is.
struct Arrival {
    target: Arc<PodInput>,
    input: usize,
    content: Content,
}

impl PodOutput {
    /// Takes over the result of a worker: merges it with the results of the other shards, then sends it to the next pods.
    pub(super) fn deliver(&self, Part { request, content, slot, .. }: Part) {
        if let Some(content) = self.merge_shards(&request, content, slot) {
            self.send(&request, content);
        }
    }

    /// The merged result of all shards, once the last has returned.
    fn merge_shards(
        &self,
        request: &InFlightRequest,
        content: Content,
        slot: Option<GatherSlot>,
    ) -> Option<Content> {
        self.end_expired(request, &content);
        let merged = match slot {
            None => content,
            Some(slot) => {
                let content = self.with_origin(content, self.shard_join);
                slot.fill(content, self.shard_merge_policy(request), request)?
            }
        };
        if let (Some((pod, _)), Some(trace)) = (&self.pod, &request.trace) {
            trace.end_visit(*pod);
        }
        Some(merged)
    }

    /// Fails the request immediately if its time limit was exceeded in this pod. Other branches and shards,
    /// which may take longer, are not waited for.
    fn end_expired(&self, request: &InFlightRequest, content: &Content) {
        let expired = content.error.as_ref().filter(|error| error.error.kind() == ErrorKind::Expired);
        if let Some(error) = expired.filter(|_| self.leads_to_exit) {
            request.finish(Outcome::Failed(error.clone()));
        }
    }

    /// Sends content to all targets and follows it until it waits at a join, in a channel, or has left.
    pub(super) fn send(&self, request: &Arc<InFlightRequest>, content: Content) {
        let mut arrivals = Vec::new();
        self.spread(request, content, &mut arrivals);
        while let Some(Arrival { target, input, content }) = arrivals.pop() {
            let Some(content) = target.join(request, input, content) else { continue };
            if target.skips(request, &content) {
                target.output.spread(request, content, &mut arrivals);
                continue;
            }
            let content = target.filter_documents(content);
            if target.is_bypassed(request, &content) {
                target.output.spread(request, content, &mut arrivals);
            } else {
                target.dispatch(request, content, &mut arrivals);
            }
        }
    }

    /// Adds an arrival for each target. At the exit, answers the request once all its parts are there.
    fn spread(&self, request: &Arc<InFlightRequest>, content: Content, arrivals: &mut Vec<Arrival>) {
        let mut copies = self.targets.len() + usize::from(self.exit.is_some());
        let mut content = content;
        let mut next_copy = || {
            copies -= 1;
            if copies == 0 { std::mem::take(&mut content) } else { content.clone() }
        };
        if let Some((input, inputs)) = self.exit {
            let parts = match inputs {
                1 => Some(vec![next_copy()]),
                _ => request.gather(EXIT, input, inputs, next_copy()),
            };
            if let Some(parts) = parts {
                let mut content = request.merge(parts, MergePolicy::default());
                if let Some(order) = &request.order {
                    order.restore(&mut content.documents);
                }
                request.finish(outcome(content));
            }
        }
        for (target, input) in &self.targets {
            let content = self.with_origin(next_copy(), target.join);
            arrivals.push(Arrival { target: Arc::clone(target), input: *input, content });
        }
    }

    /// Records this pod as the origin of the documents when the receiving join appends.
    fn with_origin(&self, content: Content, join: Join) -> Content {
        match (&self.pod, join) {
            (Some((_, name)), Join::Append) => content.with_origin(name),
            _ => content,
        }
    }

    /// Name of the executor, without the role of a pod before or after it.
    fn executor(&self) -> &str {
        self.pod.as_ref().map_or("", |(_, name)| executor_name(name))
    }

    /// Rules by which the results of the shards are merged for this request.
    fn shard_merge_policy(&self, request: &InFlightRequest) -> MergePolicy {
        let matches = self.ranking.map(|ranking| {
            let parameters = request.input.parameters_for(&self.names);
            let requested = top_k(&parameters).ok().flatten();
            MatchPolicy { order: ranking.order, top_k: requested.unwrap_or(ranking.top_k) }
        });
        MergePolicy { join: self.shard_join, matches, appends_lists: true }
    }
}

impl PodInput {
    /// Joins the part with the parts of the other inputs. Returns the merged content when it was the last.
    fn join(&self, request: &InFlightRequest, input: usize, content: Content) -> Option<Content> {
        if self.inputs <= 1 {
            return Some(content);
        }
        let parts = request.gather(self.pod, input, self.inputs, content)?;
        Some(request.merge(parts, MergePolicy { join: self.join, ..MergePolicy::default() }))
    }

    /// Returns `true` when the request is not meant for this executor, or has failed or was cancelled.
    fn skips(&self, request: &InFlightRequest, content: &Content) -> bool {
        if content.error.is_some() || request.is_cancelled() {
            return true;
        }
        let addressed = request.input.is_addressed_to(self.output.executor());
        let handled = self.endpoints.handles(&request.input.endpoint);
        if let Some(trace) = &request.trace {
            trace.start_visit(self.pod);
            if addressed && !handled {
                trace.end_visit(self.pod);
            }
        }
        !addressed || !handled
    }

    /// Removes the documents that do not match the pod's `when`; they leave the branch here.
    fn filter_documents(&self, mut content: Content) -> Content {
        if let Some(when) = &self.when {
            when.apply(&mut content);
        }
        content
    }

    /// Returns `true` when `when` removed all documents of a request that had some.
    fn is_bypassed(&self, request: &InFlightRequest, content: &Content) -> bool {
        let had_documents = || request.order.as_ref().is_some_and(|order| !order.is_empty());
        let bypassed = self.when.is_some() && content.documents.is_empty() && had_documents();
        if let Some(trace) = request.trace.as_ref().filter(|_| bypassed) {
            trace.end_visit(self.pod);
        }
        bypassed
    }

    /// Chooses the shards for a request. Under `polling: RELEVANT` it adds their number to the results.
    ///
    /// # Errors
    /// When the request's parameters for the choice are invalid.
    fn fanout(&self, request: &InFlightRequest, content: &mut Content) -> Result<Fanout, ExecutorError> {
        if self.channels.len() == 1 {
            return Ok(Fanout::Single);
        }
        let parameters = request.input.parameters_for(&self.output.names);
        let all = || Fanout::Broadcast((0..self.channels.len()).collect());
        Ok(match self.polling.get(&request.input.endpoint) {
            Polling::Relevant => {
                let relevant =
                    self.shards.relevant(&request.input.endpoint, &parameters, &content.documents)?;
                let (visited, shards) = (relevant.len(), self.channels.len());
                content.results.insert(
                    self.output.executor().to_owned(),
                    serde_json::json!({"shards_asked": visited, "shards": shards}),
                );
                Fanout::Broadcast(relevant)
            }
            Polling::All => all(),
            // Without documents there is no id to choose a shard by.
            Polling::Any if content.documents.is_empty() => all(),
            Polling::Any if self.shards.needs_all(&request.input.endpoint, &parameters) => all(),
            Polling::Any => self.shards.partition(&content.documents),
        })
    }

    /// Sends a part that no worker has to process to the next pods, once the parts of the other shards have arrived.
    fn pass_on(&self, request: &Arc<InFlightRequest>, part: Part, arrivals: &mut Vec<Arrival>) {
        if let Some(content) = self.output.merge_shards(request, part.content, part.slot) {
            self.output.spread(request, content, arrivals);
        }
    }

    /// Sends a request to the workers. Results of inline executors arrive at the next pods immediately.
    fn dispatch(&self, request: &Arc<InFlightRequest>, content: Content, arrivals: &mut Vec<Arrival>) {
        let mut content = content;
        let fanout = match self.fanout(request, &mut content) {
            Ok(fanout) => fanout,
            Err(error) => {
                let pod = self.output.pod.as_ref().map(|(_, name)| Arc::clone(name));
                let failed = Content::failed(RequestError { pod, error });
                let failed = self.output.merge_shards(request, failed, None);
                failed.into_iter().for_each(|failed| self.output.spread(request, failed, arrivals));
                return;
            }
        };
        let arrived = self.batches.then(Instant::now);
        for (shard, content, slot) in split(content, fanout) {
            let part = Part { request: Arc::clone(request), content, slot, arrived };
            self.metrics.record_queued();
            match self.channels.get(shard).map_or(SendResult::Lost, |channel| channel.send(part)) {
                SendResult::Queued => {}
                SendResult::Refused(part) => {
                    self.metrics.record_dequeued();
                    self.pass_on(request, part, arrivals);
                }
                SendResult::Done(part) => self.pass_on(request, part, arrivals),
                // A bug. The part is dropped, which fails its request.
                SendResult::Lost => {
                    debug_assert!(false, "channels have a slot for every credit and outlive their senders");
                    self.metrics.record_dequeued();
                }
            }
        }
    }
}

/// The outcome of a request whose parts have all arrived at the exit.
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
