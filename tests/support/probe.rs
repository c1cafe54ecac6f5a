//! An executor that does what the request tells it, and remembers what it saw.

use std::sync::Mutex;

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, Counter, Document, Executor, ExecutorError, ExecutorType, Gauge,
    Instance, NamedScore, Order, parse_parameters,
};

flowrun_sdk::parameters! {
    /// How it is made.
    struct ProbeParameters {
        /// Under what it remembers.
        name: String,
        /// Whether it waits for the gate before it is ready.
        gated: bool = false,
        /// Whether its constructor panics.
        broken: bool = false,
        /// Whether it can be made once only.
        once: bool = false,
        /// Matches that each shard finds for a document: `id=score`, each in the shard that its id belongs to.
        finds: Vec<String> = Vec::new(),
        /// How many are kept.
        top_k: usize = 10,
    }
}

pub(crate) const PROBE: ExecutorType =
    ExecutorType::new::<ProbeParameters>("Probe", "Does as it is told.", create);

/// What the probes of this process saw: their names, and the ids of the documents.
static SEEN: Mutex<Vec<(String, Vec<String>)>> = Mutex::new(Vec::new());
static MADE: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Probe {
    parameters: ProbeParameters,
    /// Documents that it was called with, and those of its last call.
    seen: (Counter, Gauge),
    shard: usize,
    shards: usize,
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: ProbeParameters = parse_parameters(build)?;
    assert!(!parameters.broken, "broken");
    if parameters.gated {
        super::gate::wait();
    }
    let mut made = MADE.lock().unwrap();
    if parameters.once && made.contains(&parameters.name) {
        return Err(BuildError::failed("once only"));
    }
    made.push(parameters.name.clone());
    let top_k = parameters.top_k;
    let (shard, shards) = (build.context.shard, build.context.shards);
    let metrics = &build.context.metrics;
    let seen = (
        metrics.counter("probed_total", "Documents that were seen."),
        metrics.gauge("probed_last", "Documents of the last call."),
    );
    Ok(Instance::new(Probe { parameters, seen, shard, shards }).with_ranking(Order::Ascending, top_k))
}

impl Probe {
    /// What this shard finds.
    fn found(&self) -> Vec<Document> {
        let found = self.parameters.finds.iter().filter_map(|text| {
            let (id, score) = text.split_once('=')?;
            let here = flowrun::runtime::shard_of(id, self.shards) == self.shard;
            let mut document = Document::new(id);
            document.scores.insert("distance".to_owned(), NamedScore::new(score.parse().ok()?, "Probe"));
            here.then_some(document)
        });
        let mut found: Vec<Document> = found.collect();
        let key = |document: &Document| (document.score().unwrap().value.to_bits(), document.id.clone());
        found.sort_by_key(key);
        found
    }
}

impl Executor for Probe {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let ids = call.documents().iter().map(|document| document.id.clone()).collect();
        SEEN.lock().unwrap().push((self.parameters.name.clone(), ids));
        let count = u32::try_from(call.documents().len()).unwrap();
        self.seen.0.add(count.into());
        self.seen.1.set(count.into());
        match call.endpoint() {
            "/panic" => panic!("told to"),
            "/fail" => return Err(ExecutorError::resource("told to")),
            "/wait" => super::gate::wait(),
            _ => {}
        }
        let tag = format!("{}/{}", self.parameters.name, self.shard);
        let top_k = call.top_k(self.parameters.top_k)?;
        let mut found = self.found();
        found.truncate(top_k);
        call.set_result("documents", call.documents().len());
        call.for_each(&AccessPaths::roots(), |document| {
            if document.id.starts_with("bad") && call_is_for(&self.parameters.name, &document.id) {
                return Err(ExecutorError::input("bad"));
            }
            document.tags_mut().insert(tag.clone(), true.into());
            document.matches = found.clone().into();
            Ok(())
        })
    }
}

/// `bad@b` is bad for the probe `…b` alone; `bad` for every one.
fn call_is_for(name: &str, id: &str) -> bool {
    id.split_once('@').is_none_or(|(_, probe)| name.ends_with(probe))
}

/// What the probe of that name saw, call by call.
pub(crate) fn seen(name: &str) -> Vec<Vec<String>> {
    let seen = SEEN.lock().unwrap();
    seen.iter().filter(|(probe, _)| probe == name).map(|(_, ids)| ids.clone()).collect()
}
