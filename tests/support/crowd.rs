//! An executor that tells each document how many it was called with, costs so much a call and so much a document, and
//! goes wrong at the sight of certain ids.

use std::time::Duration;

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, Document, Executor, ExecutorError, ExecutorType, Instance,
    parse_parameters,
};

flowrun_sdk::parameters! {
    /// What it costs, and how it runs.
    struct CrowdParameters {
        /// Microseconds that a call takes.
        base: u64 = 0,
        /// Microseconds that each document takes.
        each: u64 = 0,
        /// Whether it runs as a task.
        task: bool = false,
    }
}

pub(crate) const CROWD: ExecutorType = ExecutorType::new::<CrowdParameters>("Crowd", "Counts.", create);

struct Crowd(CrowdParameters);

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: CrowdParameters = parse_parameters(build)?;
    Ok(if parameters.task {
        Instance::new_async(Crowd(parameters))
    } else {
        Instance::new(Crowd(parameters))
    })
}

impl Crowd {
    fn cost(&self, call: &Call<'_>) -> Duration {
        Duration::from_micros(self.0.base + self.0.each * call.documents().len() as u64)
    }

    fn work(call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let together = call.documents().len();
        let sees = |call: &Call<'_>, name: &str| call.documents().iter().any(|one| one.id.contains(name));
        assert!(!sees(call, "panic"), "chaos");
        if sees(call, "error") {
            return Err(ExecutorError::input("an error"));
        }
        if sees(call, "result") {
            call.set_result("documents", together);
        }
        call.for_each(&AccessPaths::roots(), |document| {
            if document.id.contains("bad") {
                return Err(ExecutorError::input("a bad one"));
            }
            if document.id.contains("hungry") && together > 1 {
                return Err(ExecutorError::resource("somebody else has it"));
            }
            document.tags_mut().insert("together".to_owned(), together.into());
            Ok(())
        })?;
        let kept = std::mem::take(call.documents_mut());
        for document in kept {
            let parent = document.id.clone();
            let (twin, child) = (parent.contains("twin"), parent.contains("child"));
            call.documents_mut().push(document);
            if twin {
                call.documents_mut().push(Document::new("made of nothing"));
            }
            if child {
                let mut made = Document::new(format!("of {parent}"));
                made.parent_id = parent;
                call.documents_mut().push(made);
            }
        }
        Ok(())
    }
}

impl Executor for Crowd {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        std::thread::sleep(self.cost(call));
        Self::work(call)
    }
}

#[flowrun_sdk::async_trait]
impl flowrun_sdk::AsyncExecutor for Crowd {
    async fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        tokio::time::sleep(self.cost(call)).await;
        Self::work(call)
    }
}
