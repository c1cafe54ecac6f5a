//! An executor for tests of batching: tags each document with the number of documents of its call, and has a configurable
//! duration. Words in the ids of documents select its behaviour:
//!
//! * `panic`, `error`: the call panics or fails.
//! * `bad`: the document fails. `hungry`: it fails with a resource error, unless it is alone in its call.
//! * `result`: the call returns a result that belongs to no document.
//! * `twin`, `child`: the call returns a new document without a parent, or with this document as its parent.

use std::time::Duration;

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, Document, Executor, ExecutorError, ExecutorType, Instance,
    parse_parameters,
};

flowrun_sdk::parameters! {
    /// Duration of a call, and kind of executor.
    struct CrowdParameters {
        /// Duration of a call in microseconds.
        base: u64 = 0,
        /// Additional duration per document in microseconds.
        each: u64 = 0,
        /// Runs as an asynchronous executor.
        task: bool = false,
    }
}

pub(crate) const CROWD: ExecutorType =
    ExecutorType::new::<CrowdParameters>("Crowd", "Tags documents with the size of their batch.", create);

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
    fn duration(&self, call: &Call<'_>) -> Duration {
        Duration::from_micros(self.0.base + self.0.each * call.documents().len() as u64)
    }

    fn work(call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let batch_size = call.documents().len();
        let has_id =
            |call: &Call<'_>, name: &str| call.documents().iter().any(|document| document.id.contains(name));
        assert!(!has_id(call, "panic"), "chaos");
        if has_id(call, "error") {
            return Err(ExecutorError::input("an error"));
        }
        if has_id(call, "result") {
            call.set_result("documents", batch_size);
        }
        call.for_each(&AccessPaths::roots(), |document| {
            if document.id.contains("bad") {
                return Err(ExecutorError::input("bad"));
            }
            if document.id.contains("hungry") && batch_size > 1 {
                return Err(ExecutorError::resource("the budget is exhausted"));
            }
            document.tags_mut().insert("batch_size".to_owned(), batch_size.into());
            Ok(())
        })?;
        let received = std::mem::take(call.documents_mut());
        for document in received {
            let parent = document.id.clone();
            let (twin, child) = (parent.contains("twin"), parent.contains("child"));
            call.documents_mut().push(document);
            if twin {
                call.documents_mut().push(Document::new("without parent"));
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
        std::thread::sleep(self.duration(call));
        Self::work(call)
    }
}

#[flowrun_sdk::async_trait]
impl flowrun_sdk::AsyncExecutor for Crowd {
    async fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        tokio::time::sleep(self.duration(call)).await;
        Self::work(call)
    }
}
