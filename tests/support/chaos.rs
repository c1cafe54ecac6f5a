//! An executor with random delays, document errors, call errors and panics. The same seed and documents give the same
//! behaviour.

use std::time::Duration;

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, Executor, ExecutorError, ExecutorType, Instance, parse_parameters,
};
use xxhash_rust::xxh3::xxh3_64_with_seed;

flowrun_sdk::parameters! {
    /// Probabilities of misbehaviour, per 1,000.
    struct ChaosParameters {
        /// Seed of the random numbers.
        seed: u64 = 0,
        /// Maximum duration of a call in microseconds.
        delay_max: u64 = 0,
        /// Document errors per 1,000 documents.
        document_errors: u64 = 0,
        /// Call errors per 1,000 calls.
        call_errors: u64 = 0,
        /// Panics per 1,000 calls.
        panics: u64 = 0,
        /// Runs as an asynchronous executor.
        task: bool = false,
        /// Is called inline, if it is not asynchronous.
        inline: bool = false,
    }
}

pub(crate) const CHAOS: ExecutorType =
    ExecutorType::new::<ChaosParameters>("Chaos", "Misbehaves at random.", create);

struct Chaos(ChaosParameters);

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: ChaosParameters = parse_parameters(build)?;
    let inline = parameters.inline;
    Ok(match parameters.task {
        true => Instance::new_async(Chaos(parameters)),
        false => Instance { inline, ..Instance::new(Chaos(parameters)) },
    })
}

impl Chaos {
    /// A number below 1,000 that depends on the seed, `name` and `purpose`. Numbers with different purposes are independent.
    fn random(&self, name: &str, purpose: u64) -> u64 {
        xxh3_64_with_seed(name.as_bytes(), self.0.seed.wrapping_mul(31).wrapping_add(purpose)) % 1000
    }

    fn delay(&self, call: &Call<'_>) -> Duration {
        let name = call.documents().first().map_or("", |document| &document.id);
        Duration::from_micros(self.random(name, 1) * self.0.delay_max / 1000)
    }

    fn misbehave(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let name = call.documents().first().map_or_else(String::new, |document| document.id.clone());
        assert!(self.random(&name, 2) >= self.0.panics, "chaos");
        if self.random(&name, 3) < self.0.call_errors {
            return Err(ExecutorError::resource("chaos"));
        }
        call.for_each(&AccessPaths::roots(), |document| {
            if self.random(&document.id, 4) < self.0.document_errors {
                return Err(ExecutorError::input("chaos"));
            }
            document.tags_mut().insert(format!("seen by {}", self.0.seed), true.into());
            Ok(())
        })
    }
}

impl Executor for Chaos {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        std::thread::sleep(self.delay(call));
        self.misbehave(call)
    }
}

#[flowrun_sdk::async_trait]
impl flowrun_sdk::AsyncExecutor for Chaos {
    async fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        tokio::time::sleep(self.delay(call)).await;
        self.misbehave(call)
    }
}
