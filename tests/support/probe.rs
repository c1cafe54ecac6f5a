//! An executor that records the documents of its calls, tags each document with `NAME/SHARD`, returns configured matches, and
//! fails on request: at the endpoints `/panic` and `/fail`, and for documents whose ids begin with `bad`. At `/wait` it waits
//! until the gate is open.

use std::sync::Mutex;

use flowrun_sdk::{
    AccessPaths, AsyncExecutor, Build, BuildError, Call, Counter, Document, Executor, ExecutorDescription,
    ExecutorError, ExecutorType, Gauge, Instance, NamedScore, Order, parse_parameters,
};

flowrun_sdk::parameters! {
    /// Behaviour of the executor.
    struct ProbeParameters {
        /// Name under which the calls are recorded.
        name: String,
        /// Waits in the constructor until the gate is open.
        gated: bool = false,
        /// Panics in the constructor.
        broken: bool = false,
        /// Can be created only once.
        once: bool = false,
        /// Is called as an async executor.
        asynchronous: bool = false,
        /// Matches of every document: `id=score`, each from the shard of its id.
        matches: Vec<String> = Vec::new(),
        /// Number of matches per document.
        top_k: usize = TOP_K,
    }
}

pub(crate) const PROBE: ExecutorType =
    ExecutorType::new::<ProbeParameters>("Probe", "Records its calls.", create).with_description(|build| {
        let top_k = build.with.get("top_k").and_then(|top_k| top_k.as_u64()?.try_into().ok());
        ExecutorDescription::unknown().with_ranking(Order::Ascending, top_k.unwrap_or(TOP_K))
    });

/// Default number of matches per document.
const TOP_K: usize = 10;

/// Names of the probes and ids of the documents, by call.
static CALLS: Mutex<Vec<(String, Vec<String>)>> = Mutex::new(Vec::new());
/// Names of the created probes.
static CREATED: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Probe {
    parameters: ProbeParameters,
    /// Number of documents of all calls, and of the last call.
    metrics: (Counter, Gauge),
    shard: usize,
    shards: usize,
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: ProbeParameters = parse_parameters(build)?;
    assert!(!parameters.broken, "broken");
    if parameters.gated {
        super::gate::wait();
    }
    let mut created = CREATED.lock().unwrap();
    if parameters.once && created.contains(&parameters.name) {
        return Err(BuildError::failed("once only"));
    }
    created.push(parameters.name.clone());
    let top_k = parameters.top_k;
    let (shard, shards) = (build.context.shard, build.context.shards);
    let registry = &build.context.metrics;
    let metrics = (
        registry.counter("probed_total", "Documents of all calls."),
        registry.gauge("probed_last", "Documents of the last call."),
    );
    let asynchronous = parameters.asynchronous;
    let probe = Probe { parameters, metrics, shard, shards };
    let instance =
        if asynchronous { Instance::new_async(AsyncProbe(Mutex::new(probe))) } else { Instance::new(probe) };
    Ok(instance.with_ranking(Order::Ascending, top_k))
}

impl Probe {
    /// Returns the configured matches of this shard, best first.
    fn matches(&self) -> Vec<Document> {
        let matches = self.parameters.matches.iter().filter_map(|text| {
            let (id, score) = text.split_once('=')?;
            let is_here = flowrun::runtime::shard_of(id, self.shards) == self.shard;
            let mut document = Document::new(id);
            document.scores.insert("distance".to_owned(), NamedScore::new(score.parse().ok()?, "Probe"));
            is_here.then_some(document)
        });
        let mut matches: Vec<Document> = matches.collect();
        let key = |document: &Document| (document.score().unwrap().value.to_bits(), document.id.clone());
        matches.sort_by_key(key);
        matches
    }
}

impl Executor for Probe {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let ids = call.documents().iter().map(|document| document.id.clone()).collect();
        CALLS.lock().unwrap().push((self.parameters.name.clone(), ids));
        let count = u32::try_from(call.documents().len()).unwrap();
        self.metrics.0.add(count.into());
        self.metrics.1.set(count.into());
        match call.endpoint() {
            "/panic" => panic!("panicking on request"),
            "/fail" => return Err(ExecutorError::resource("failing on request")),
            "/wait" => super::gate::wait(),
            "/origins" => call.set_result("origins", flowrun_wire::encode_origins(call.origins())),
            _ => {}
        }
        let tag = format!("{}/{}", self.parameters.name, self.shard);
        let top_k = call.top_k(self.parameters.top_k)?;
        let mut matches = self.matches();
        matches.truncate(top_k);
        call.set_result("documents", call.documents().len());
        call.for_each(&AccessPaths::roots(), |document| {
            if document.id.starts_with("bad") && applies_to(&self.parameters.name, &document.id) {
                return Err(ExecutorError::input("bad"));
            }
            document.tags_mut().insert(tag.clone(), true.into());
            document.matches = matches.clone().into();
            Ok(())
        })
    }
}

/// A probe that is called as an async executor.
struct AsyncProbe(Mutex<Probe>);

#[flowrun_sdk::async_trait]
impl AsyncExecutor for AsyncProbe {
    async fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        self.0.lock().unwrap().execute(call)
    }
}

/// True if the document `id` fails in the probe `name`: `bad@b` fails in probes whose names end with `b`, `bad` in all.
fn applies_to(name: &str, id: &str) -> bool {
    id.split_once('@').is_none_or(|(_, probe)| name.ends_with(probe))
}

/// Returns the ids of the documents of every call of the probe `name`.
pub(crate) fn calls_of(name: &str) -> Vec<Vec<String>> {
    let calls = CALLS.lock().unwrap();
    calls.iter().filter(|(probe, _)| probe == name).map(|(_, ids)| ids.clone()).collect()
}
