//! From a topology to a running flow: first every executor is made, then channels and workers.

use std::sync::Arc;
use std::thread;

use flowrun_sdk::{BoxedExecutor as Kind, Endpoints, Instance};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::call::Station;
use super::channel::Sender;
use super::dimensions::{self, Dimensions};
use super::flow::{Flow, Pod};
use super::in_place::{self, InPlace};
use super::intake::Intake;
use super::ledger::RequestCounters;
use super::lobby::{Lobby, Rules};
use super::meter::Meter;
use super::priority::Priority;
use super::recipe::{Failed, Recipe, Shared};
use super::route::{Inlet, Outlet};
use super::shards::Shards;
use super::task::{Replica, TaskWorkers};
use super::thread::{ThreadWorker, WorkerExit};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::spec::{BatchingTable, Strategy};
use crate::topology::{InputPort, PodPlan, Topology, Worker, library_fault_code};

/// An executor that was made, and how to make it again.
struct Made {
    worker: Worker,
    instance: Instance,
    recipe: Recipe,
}

/// Starts the flow that `topology` describes. `None` when an executor cannot be made; the report says which.
pub async fn launch(topology: &Topology, report: &mut Report) -> Option<Flow> {
    launch_with(Priority::default(), topology, report).await
}

/// The same, with what computes behind whoever answers: for a flow that is served.
pub async fn launch_background(topology: &Topology, report: &mut Report) -> Option<Flow> {
    launch_with(Priority::background(), topology, report).await
}

async fn launch_with(priority: Priority, topology: &Topology, report: &mut Report) -> Option<Flow> {
    let made = make_all(priority, topology, report).await?;
    let known =
        |made: &Vec<Made>| made.first().map(|made| Dimensions::of(&made.instance)).unwrap_or_default();
    let dimensions: Vec<_> = made.iter().map(known).collect();
    if !dimensions::check(topology, &dimensions, report) || !check_strategies(topology, &made, report) {
        return None;
    }
    let launcher = Launcher { priority, ..Launcher::default() };
    Some(launcher.launch(topology, made))
}

/// Makes the executors of every worker, all at once.
async fn make_all(priority: Priority, topology: &Topology, report: &mut Report) -> Option<Vec<Vec<Made>>> {
    let mut making = Vec::new();
    for (position, pod) in topology.pods.iter().enumerate() {
        let clusters = matches!(pod.strategy.value, Strategy::Cluster(_));
        let asks = pod.shards > 1 && (clusters || pod.polling.has_relevant());
        let shards: Vec<Shared> = (0..pod.shards).map(|_| Shared::new(pod)).collect();
        for worker in pod.workers() {
            let recipe = shards.get(worker.shard).and_then(|shared| Recipe::new(pod, worker, shared));
            let Some(recipe) = recipe else {
                let message = format!("`{}` could not be started: it has no executor", pod.name);
                report.push(Diagnostic::at(Code::NotStarted, pod.span, message));
                return None;
            };
            let making_one = tokio::task::spawn_blocking(move || {
                // What executors start inherits it.
                priority.take();
                let instance = recipe.make()?;
                if let Some(holdings) = instance.shard_summary.as_ref().filter(|_| asks) {
                    holdings.prepare();
                }
                Ok::<_, Failed>((instance, recipe))
            });
            making.push((position, worker, making_one));
        }
    }
    let started = tokio::time::Instant::now();
    let mut made: Vec<Vec<Made>> = topology.pods.iter().map(|_| Vec::new()).collect();
    let mut complete = true;
    for (position, worker, making_one) in making {
        let Some(pod) = topology.pods.get(position) else { continue };
        let result = match pod.timeout_ready {
            None => Ok(making_one.await),
            Some(limit) => tokio::time::timeout_at(started + limit, making_one).await,
        };
        match result {
            Ok(Ok(Ok((instance, recipe)))) => {
                if let Some(workers) = made.get_mut(position) {
                    workers.push(Made { worker, instance, recipe });
                }
                continue;
            }
            Ok(Ok(Err(failed))) => report.push(not_started(pod, &failed)),
            Ok(Err(_)) => report.push(Diagnostic::at(
                Code::NotStarted,
                pod.span,
                format!("`{}` could not be started", pod.name),
            )),
            Err(_) => report.push(not_ready(pod)),
        }
        complete = false;
    }
    complete.then_some(made)
}

/// Whether those who place documents by anything but their ids are told where documents are.
fn check_strategies(topology: &Topology, made: &[Vec<Made>], report: &mut Report) -> bool {
    let mut good = true;
    for (pod, made) in topology.pods.iter().zip(made) {
        let knows = made.iter().any(|made| made.instance.shard_summary.is_some());
        if pod.strategy.value == Strategy::Hash || pod.shards == 1 || knows {
            continue;
        }
        good = false;
        let message = format!(
            "`{}` could not be started: its executor does not say which documents it holds",
            pod.name
        );
        let help =
            "write `strategy: hash`, or use an indexer of ours in the same process, such as `VectorIndexer`";
        report.push(Diagnostic::at(Code::NotStarted, pod.strategy.span, message).help(help));
    }
    good
}

fn not_started(pod: &PodPlan, failed: &Failed) -> Diagnostic {
    let component = pod.executor.as_ref().and_then(|plan| plan.components.get(failed.component));
    let arguments = component.map(|component| &component.arguments);
    let message = format!("`{}` could not be started: {}", pod.name, failed.error);
    if let flowrun_sdk::BuildError::NotReady(reason) = &failed.error {
        let not_ready = not_ready(pod);
        let message = format!("{}: {reason}", not_ready.message);
        return Diagnostic { message, ..not_ready };
    }
    let place = match &failed.error {
        flowrun_sdk::BuildError::Parameter { name, .. } => {
            arguments.and_then(|arguments| arguments.spans.get(name.as_ref())).map(|(_, value)| *value)
        }
        _ => None,
    };
    let (code, help) = match &failed.error {
        flowrun_sdk::BuildError::Library(error) => (library_fault_code(error.fault), error.help),
        _ => (Code::NotStarted, None),
    };
    Diagnostic::at(code, place.unwrap_or(pod.span), message).maybe_help(help.map(str::to_owned))
}

fn not_ready(pod: &PodPlan) -> Diagnostic {
    let seconds = pod.timeout_ready.unwrap_or_default().as_secs_f64();
    let message = format!("`{}` was not ready within {seconds} s", pod.name);
    let help = "give it more time: `timeout_ready: 60000` (milliseconds; -1 for no end)";
    Diagnostic::at(Code::NotReady, pod.span, message).help(help)
}

/// Builds channels and workers from the exit towards the entrance, because whoever sends holds the sending end.
#[derive(Default)]
struct Launcher {
    priority: Priority,
    pods: Vec<Pod>,
    inlets: Vec<Option<Arc<Inlet>>>,
    workers: Vec<oneshot::Receiver<WorkerExit>>,
}

impl Launcher {
    fn launch(mut self, topology: &Topology, made: Vec<Vec<Made>>) -> Flow {
        self.inlets = topology.pods.iter().map(|_| None).collect();
        for (position, made) in made.into_iter().enumerate().rev() {
            self.pod(topology, position, made);
        }
        let entrance = self.outlet(topology, &topology.entry_ports);
        self.pods.reverse();
        Flow {
            entrance: Mutex::new(Some(Arc::new(entrance))),
            credits: Arc::new(Semaphore::new(topology.credits)),
            when_full: topology.when_full,
            timeout: topology.timeout,
            request_bytes_max: topology.memory.request_bytes_max,
            sorts: topology.pods.iter().any(|pod| pod.when.is_some()),
            ledger: Arc::new(RequestCounters::default()),
            pods: self.pods,
            workers: Mutex::new(self.workers),
        }
    }

    /// The edges that lead from a pod, or from the entrance.
    fn outlet(&self, topology: &Topology, ports: &[InputPort]) -> Outlet {
        let mut outlet = Outlet::default();
        for port in ports {
            match port.pod {
                None => outlet.exit = Some((port.input, topology.exit_inputs)),
                Some(pod) => {
                    let inlet = self.inlets.get(pod).and_then(Option::as_ref);
                    outlet.inlets.extend(inlet.map(|inlet| (Arc::clone(inlet), port.input)));
                }
            }
        }
        outlet
    }

    /// Starts the workers of a pod, whose successors are there already.
    fn pod(&mut self, topology: &Topology, position: usize, made: Vec<Made>) {
        let Some(plan) = topology.pods.get(position) else { return };
        let first = made.first().map(|made| &made.instance);
        let endpoints = first.map_or(Endpoints::All, |instance| instance.endpoints.clone());
        let ranking = first.and_then(|instance| instance.ranking);
        let name: Arc<str> = plan.name.as_str().into();
        let edges = self.outlet(topology, &plan.outputs);
        let pod = Some((position, Arc::clone(&name)));
        let outlet = Arc::new(Outlet { pod, ranking, replies: plan.replies, ..edges });
        let meter = Arc::new(Meter::new());
        let told = made.iter().filter(|made| made.worker.replica == 0);
        let told = told.flat_map(|made| made.recipe.metrics().map(|metrics| (made.worker.shard, metrics)));
        self.pods.push(Pod {
            health: made.iter().flat_map(|made| made.recipe.health()).collect(),
            name: Arc::clone(&name),
            workers: made.len(),
            metrics: told.collect(),
            endpoints: endpoints.clone(),
            meter: Arc::clone(&meter),
        });
        let mut batching =
            BatchingTable::from_entries(first.map(|one| one.batching.clone()).unwrap_or_default());
        batching.override_with(plan.batching.clone());
        let named = batching.entries().map(|(endpoint, _)| endpoint).filter(|endpoint| *endpoint != "*");
        for endpoint in named.filter(|endpoint| !endpoints.handles(endpoint)) {
            tracing::warn!(pod = &*name, endpoint, "batches of an endpoint that the executor does not have");
        }
        let rules = (!batching.is_empty()).then(|| Rules::of_pod(&name, batching, plan.channel_slots));
        let batches = rules.is_some();
        let crew = Crew {
            plan,
            priority: self.priority,
            name,
            meter: Arc::clone(&meter),
            outlet: Arc::clone(&outlet),
            rules,
        };
        let mut shards: Vec<Vec<Made>> = (0..plan.shards).map(|_| Vec::new()).collect();
        for made in made {
            if let Some(shard) = shards.get_mut(made.worker.shard) {
                shard.push(made);
            }
        }
        let holdings =
            shards.iter().map(|made| made.first().and_then(|made| made.instance.shard_summary.clone()));
        let holdings = Shards::new(&plan.strategy.value, holdings.collect());
        let channels = shards.into_iter().map(|made| crew.start(made, &mut self.workers)).collect();
        let inlet = Inlet {
            pod: position,
            inputs: plan.inputs,
            join: plan.join,
            when: plan.when.clone(),
            endpoints,
            polling: plan.polling.clone(),
            shards: holdings,
            channels,
            batches,
            meter,
            outlet,
        };
        if let Some(slot) = self.inlets.get_mut(position) {
            *slot = Some(Arc::new(inlet));
        }
    }
}

/// What the workers of a pod have in common.
struct Crew<'a> {
    plan: &'a PodPlan,
    priority: Priority,
    name: Arc<str>,
    meter: Arc<Meter>,
    outlet: Arc<Outlet>,
    /// Which batches are formed.
    rules: Option<Arc<Rules>>,
}

impl Crew<'_> {
    /// Starts the workers of one shard; returns the way to them.
    fn start(&self, made: Vec<Made>, ends: &mut Vec<oneshot::Receiver<WorkerExit>>) -> Sender {
        let slots = self.plan.channel_slots;
        let (mut in_place, mut replicas) = (Vec::new(), Vec::new());
        let first = made.first().map(|made| (made.instance.backends, made.instance.concurrency));
        let (copies, at_once) = first.unwrap_or((1, None));
        let (sender, receiver) = crossbeam_channel::bounded(slots);
        let lobby = || self.rules.clone().map(Lobby::new);
        let intake = Intake { receiver, lobby: lobby().map(|lobby| Arc::new(Mutex::new(lobby))) };
        for Made { worker, instance, recipe } in made {
            let station = self.station(worker);
            match instance.executor {
                Kind::Sync(executor) if instance.inline && self.rules.is_none() => {
                    let (end, ended) = oneshot::channel();
                    in_place.push(in_place::Replica::new(station, executor, recipe, end));
                    ends.push(ended);
                }
                Kind::Sync(executor) => {
                    let (intake, outlet) = (intake.clone(), Arc::clone(&self.outlet));
                    let worker = ThreadWorker { station, executor, recipe, intake, outlet };
                    ends.push(spawn(&self.name, self.priority, worker));
                }
                Kind::Async(executor) => replicas.push(Replica::new(station, executor, recipe)),
            }
        }
        if !in_place.is_empty() {
            return Sender::InPlace(InPlace::new(in_place));
        }
        if replicas.is_empty() {
            return Sender::Thread(sender);
        }
        let (sender, receiver) = mpsc::channel(slots);
        let concurrency = at_once.unwrap_or(self.plan.concurrency).saturating_mul(copies);
        let workers = TaskWorkers::new(replicas, concurrency, receiver, lobby(), Arc::clone(&self.outlet));
        let (end, ended) = oneshot::channel();
        tokio::spawn(async move {
            let _ = end.send(workers.run().await);
        });
        ends.push(ended);
        Sender::Task(sender)
    }

    fn station(&self, worker: Worker) -> Station {
        let shard = if self.plan.shards > 1 { format!("/shard-{}", worker.shard) } else { String::new() };
        Station {
            pod: Arc::clone(&self.name),
            worker: format!("{}{shard}/rep-{}", self.name, worker.replica).into(),
            meter: Arc::clone(&self.meter),
            timeout_send: self.plan.timeout_send,
            rules: self.rules.clone(),
        }
    }
}

/// Runs a worker on a thread of its own.
fn spawn(name: &str, priority: Priority, worker: ThreadWorker) -> oneshot::Receiver<WorkerExit> {
    let (end, ended) = oneshot::channel();
    let run = move || {
        priority.take();
        let _ = end.send(worker.run());
    };
    // Without a thread the worker is dropped: its channel closes, and requests to it answer for themselves.
    if let Err(error) = thread::Builder::new().name(name.to_owned()).spawn(run) {
        tracing::error!(pod = name, %error, "no thread could be started");
    }
    ended
}
