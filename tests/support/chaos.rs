//! An executor that dawdles, fails documents, fails calls and panics: at random, but the same way every time.

use std::time::Duration;

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, Executor, ExecutorError, ExecutorType, Instance, parse_parameters,
};
use xxhash_rust::xxh3::xxh3_64_with_seed;

flowrun_sdk::parameters! {
    /// How bad it is, in thousandths.
    struct ChaosParameters {
        /// Makes this executor misbehave otherwise than another.
        seed: u64 = 0,
        /// Microseconds that a call takes at the most.
        dawdle: u64 = 0,
        /// Documents of a thousand that fail alone.
        document_errors: u64 = 0,
        /// Calls of a thousand that fail.
        call_errors: u64 = 0,
        /// Calls of a thousand that panic.
        panics: u64 = 0,
        /// Whether it runs as a task.
        task: bool = false,
        /// Whether it is called in place, if it is no task.
        in_place: bool = false,
    }
}

pub(crate) const CHAOS: ExecutorType = ExecutorType::new::<ChaosParameters>("Chaos", "Misbehaves.", create);

struct Chaos(ChaosParameters);

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: ChaosParameters = parse_parameters(build)?;
    let in_place = parameters.in_place;
    Ok(match parameters.task {
        true => Instance::new_async(Chaos(parameters)),
        false => Instance { inline: in_place, ..Instance::new(Chaos(parameters)) },
    })
}

impl Chaos {
    fn dice(&self, name: &str, purpose: u64) -> u64 {
        xxh3_64_with_seed(name.as_bytes(), self.0.seed.wrapping_mul(31).wrapping_add(purpose)) % 1000
    }

    /// Time that the call of these documents takes.
    fn dawdling(&self, call: &Call<'_>) -> Duration {
        let name = call.documents().first().map_or("", |document| &document.id);
        Duration::from_micros(self.dice(name, 1) * self.0.dawdle / 1000)
    }

    fn misbehave(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let name = call.documents().first().map_or_else(String::new, |document| document.id.clone());
        assert!(self.dice(&name, 2) >= self.0.panics, "chaos");
        if self.dice(&name, 3) < self.0.call_errors {
            return Err(ExecutorError::resource("chaos"));
        }
        call.for_each(&AccessPaths::roots(), |document| {
            if self.dice(&document.id, 4) < self.0.document_errors {
                return Err(ExecutorError::input("chaos"));
            }
            document.tags_mut().insert(format!("seen by {}", self.0.seed), true.into());
            Ok(())
        })
    }
}

impl Executor for Chaos {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        std::thread::sleep(self.dawdling(call));
        self.misbehave(call)
    }
}

#[flowrun_sdk::async_trait]
impl flowrun_sdk::AsyncExecutor for Chaos {
    async fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        tokio::time::sleep(self.dawdling(call)).await;
        self.misbehave(call)
    }
}
