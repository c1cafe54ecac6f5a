//! Executors that the tests use: what they are told they tell, and what can go wrong goes wrong.

use flowrun_sdk::{
    BuildError, Call, Context, Counter, Document, ErrorKind, ExecutorError, Gauge, Health, executor,
    export_executor, tracing,
};

flowrun_sdk::parameters! {
    /// None.
    pub struct Nothing {}
}

flowrun_sdk::parameters! {
    /// One of each kind.
    pub struct Everything {
        /// Has to be given.
        size: u8,
        /// A list.
        words: Vec<String> = vec![],
        /// A number.
        ratio: f64 = 0.5,
        /// A path, or nothing.
        place: Option<std::path::PathBuf> = None,
    }
}

/// Does nothing: what is left is the way there and back.
#[derive(Debug)]
pub struct Still;

/// Leaves everything as it is.
#[executor]
impl Still {
    #[create]
    fn new(_: Nothing) -> Result<Self, BuildError> {
        Ok(Self)
    }

    #[requests]
    fn pass(&mut self, _: &mut Call<'_>) {}
}

/// Takes every document into its hands.
#[derive(Debug)]
pub struct Touch;

/// Touches every document, so that all of it crosses twice.
#[executor]
impl Touch {
    #[create]
    fn new(_: Nothing) -> Result<Self, BuildError> {
        Ok(Self)
    }

    #[requests]
    fn touch(&mut self, call: &mut Call<'_>) {
        call.documents_mut();
    }
}

/// Panics where a document asks for it.
#[derive(Debug)]
pub struct Flaky;

/// Panics in calls with a document whose text is `panic`, fails alone those whose text is `fail`.
#[executor]
impl Flaky {
    #[create]
    fn new(_: Nothing) -> Result<Self, BuildError> {
        Ok(Self)
    }

    #[requests]
    #[expect(clippy::panic, reason = "it is what the executor is for")]
    fn stumble(&mut self, document: &mut Document) -> Result<(), ExecutorError> {
        match document.text.as_deref() {
            Some("panic") => panic!("asked to by `{}`", document.id),
            Some("fail") => Err(ExecutorError::input("asked to")),
            _ => Ok(()),
        }
    }
}

/// Tells what it was told.
#[derive(Debug)]
pub struct Told {
    parameters: Everything,
    context: Context,
    calls: Counter,
    last: Gauge,
    health: Health,
}

/// Answers with its parameters and its context.
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

/// Says that it was closed, in its workspace.
#[derive(Debug)]
pub struct Tidy(Context);

/// Does nothing but end well.
#[executor]
impl Tidy {
    #[create]
    fn new(_: Nothing, context: &Context) -> Result<Self, BuildError> {
        Ok(Self(context.clone()))
    }

    #[requests]
    fn pass(&mut self, _: &mut Call<'_>) {}

    #[close]
    fn end(&mut self) -> Result<(), ExecutorError> {
        leave_word(&self.0)
    }
}

fn leave_word(context: &Context) -> Result<(), ExecutorError> {
    let written = std::fs::create_dir_all(&context.workspace)
        .and_then(|()| std::fs::write(context.workspace.join("closed"), &context.pod));
    written.map_err(ExecutorError::resource)
}

/// Waits until somebody gives up.
#[derive(Debug)]
pub struct Patient(Context);

/// Waits for the end of its calls, several at once.
#[executor]
impl Patient {
    #[create]
    fn new(_: Nothing, context: &Context) -> Result<Self, BuildError> {
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
        leave_word(&self.0)
    }
}

export_executor!(Still::TYPE, Touch::TYPE, Flaky::TYPE, Told::TYPE, Tidy::TYPE, Patient::TYPE);
