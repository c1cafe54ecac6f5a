//! Executors for the tests of plugins: they return their input, and fail on request.

use flowrun_sdk::{
    BuildError, Call, Context, Counter, Document, ErrorKind, ExecutorError, Gauge, Health, executor,
    export_executor, tracing,
};

flowrun_sdk::parameters! {
    /// No parameters.
    pub struct NoParameters {}
}

flowrun_sdk::parameters! {
    /// Parameters of several kinds.
    pub struct Everything {
        /// Required.
        size: u8,
        /// A list.
        words: Vec<String> = vec![],
        /// A number.
        ratio: f64 = 0.5,
        /// A path, or nothing.
        place: Option<std::path::PathBuf> = None,
    }
}

/// Does nothing, to measure the cost of a call.
#[derive(Debug)]
pub struct Still;

/// Keeps all documents.
#[executor]
impl Still {
    #[create]
    fn new(_: NoParameters) -> Result<Self, BuildError> {
        Ok(Self)
    }

    #[requests]
    fn pass(&mut self, _: &mut Call<'_>) {}
}

/// Borrows the documents for writing.
#[derive(Debug)]
pub struct Touch;

/// Borrows the documents for writing, so that they cross the interface in both directions.
#[executor]
impl Touch {
    #[create]
    fn new(_: NoParameters) -> Result<Self, BuildError> {
        Ok(Self)
    }

    #[requests]
    fn touch(&mut self, call: &mut Call<'_>) {
        call.documents_mut();
    }
}

/// Panics on request.
#[derive(Debug)]
pub struct Flaky;

/// Panics if the text of a document is `panic`, and fails documents whose text is `fail`.
#[executor]
impl Flaky {
    #[create]
    fn new(_: NoParameters) -> Result<Self, BuildError> {
        Ok(Self)
    }

    #[requests]
    #[expect(clippy::panic, reason = "the purpose of the executor")]
    fn stumble(&mut self, document: &mut Document) -> Result<(), ExecutorError> {
        match document.text.as_deref() {
            Some("panic") => panic!("asked to by `{}`", document.id),
            Some("fail") => Err(ExecutorError::input("asked to")),
            _ => Ok(()),
        }
    }
}

/// Returns its input.
#[derive(Debug)]
pub struct Told {
    parameters: Everything,
    context: Context,
    calls: Counter,
    last: Gauge,
    health: Health,
}

/// Returns its parameters and its context.
#[executor]
impl Told {
    #[create]
    fn new(parameters: Everything, context: &Context) -> Result<Self, BuildError> {
        if parameters.size == 13 {
            return Err(BuildError::parameter("size", "is unlucky"));
        }
        let (calls, last) = (
            context.metrics.counter("trial_calls_total", "Calls."),
            context.metrics.gauge("trial_documents", "Documents of the last call."),
        );
        Ok(Self { parameters, context: context.clone(), calls, last, health: context.health.clone() })
    }

    #[requests("/tell")]
    fn tell(&mut self, call: &mut Call<'_>) {
        self.calls.add(1);
        let documents = call.documents().len();
        #[expect(clippy::cast_precision_loss, reason = "a few documents")]
        self.last.set(documents as f64);
        tracing::warn!(documents, "telling");
        let context = &self.context;
        let shared = context.shared.get_or_open(&context.workspace, || Ok::<_, ()>(context.replica));
        call.set_result("opened_by", shared.map_or(usize::MAX, |replica| *replica));
        call.set_result("size", self.parameters.size);
        call.set_result("words", self.parameters.words.clone());
        call.set_result("place", self.parameters.place.as_deref().map(|place| place.display().to_string()));
        call.set_result("pod", context.pod.clone());
        call.set_result("workspace", context.workspace.display().to_string());
        call.set_result("directory", context.directory.display().to_string());
        call.set_result("shards", vec![context.shard, context.shards, context.replica]);
        call.set_result("read_only", context.read_only);
        call.set_result("timed", call.deadline().is_some());
        call.set_result("endpoint", call.endpoint());
        call.set_result("parameters", call.parameters().clone());
    }

    #[requests("/trouble")]
    fn trouble(&mut self) -> Result<(), ExecutorError> {
        self.health.set_unhealthy("the shelf is empty");
        Err(ExecutorError::new(ErrorKind::Resource, "no shelf"))
    }

    #[requests("/mend")]
    fn mend(&mut self) {
        self.health.set_healthy();
    }
}

/// Creates a file in its workspace when it is closed.
#[derive(Debug)]
pub struct Tidy(Context);

/// Does nothing until it is closed.
#[executor]
impl Tidy {
    #[create]
    fn new(_: NoParameters, context: &Context) -> Result<Self, BuildError> {
        Ok(Self(context.clone()))
    }

    #[requests]
    fn pass(&mut self, _: &mut Call<'_>) {}

    #[close]
    fn end(&mut self) -> Result<(), ExecutorError> {
        mark_closed(&self.0)
    }
}

fn mark_closed(context: &Context) -> Result<(), ExecutorError> {
    let written = std::fs::create_dir_all(&context.workspace)
        .and_then(|()| std::fs::write(context.workspace.join("closed"), &context.pod));
    written.map_err(ExecutorError::resource)
}

/// Waits for cancellation.
#[derive(Debug)]
pub struct Patient(Context);

/// Waits for the cancellation of its calls, concurrently.
#[executor]
impl Patient {
    #[create]
    fn new(_: NoParameters, context: &Context) -> Result<Self, BuildError> {
        Ok(Self(context.clone()))
    }

    #[requests("/wait")]
    async fn wait(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        call.budget().cancellation().cancelled().await;
        call.check()
    }

    #[requests]
    async fn pass(&self, call: &mut Call<'_>) {
        std::future::ready(()).await;
        call.set_result("waited", true);
    }

    #[close]
    async fn end(&self) -> Result<(), ExecutorError> {
        std::future::ready(()).await;
        mark_closed(&self.0)
    }
}

export_executor!(Still::TYPE, Touch::TYPE, Flaky::TYPE, Told::TYPE, Tidy::TYPE, Patient::TYPE);
