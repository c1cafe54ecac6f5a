//! The executor: a model, and batches for it.

use std::mem::{swap, take};
use std::path::Path;

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, CallBudget, Document, ErrorKind, Executor, ExecutorError, Instance,
    Tensor, parse_parameters, tracing,
};
use half::f16;

use super::PreprocessImage;
use super::parameters::{OnnxImageEncoderParameters, Scale};
use super::plan::Plan;
use super::readying::{Batch, Number, Readying};
use crate::session::{ElementType, Feed, Model, ModelError, Options};

/// Makes an `OnnxImageEncoder`.
pub(super) fn create<P: PreprocessImage>(build: &Build) -> Result<Instance, BuildError> {
    let with: OnnxImageEncoderParameters = parse_parameters(build)?;
    if with.minibatch_size == 0 {
        return Err(BuildError::parameter("minibatch_size", "must be at least 1"));
    }
    let threads = build.context.threads.max(1);
    // RawParameters one thread there is nothing to run beside it.
    let beside = with.num_worker_preprocess.unwrap_or_default().min(threads - 1);
    let path = build.context.resolve(&with.model_path);
    let options = Options { threads: threads - beside, device: with.device, ..Options::default() };
    let mut model = open(&path, &options)?;
    let mut plan = Plan::of(&with, &model)?;
    if !model.runtime().is_onnx_runtime()
        && let Some((fixed, fixed_plan)) = fixed(&path, options, &with, (&model, &plan))
    {
        (model, plan) = (fixed, fixed_plan);
    }
    told(&path, &model, &plan);
    let make = Make { with, beside, threads };
    Ok(match plan.element_type {
        ElementType::F16 => make.encoder::<P, f16>(model, plan),
        ElementType::U8 => make.encoder::<P, u8>(model, as_bytes(plan)),
        _ => make.encoder::<P, f32>(model, plan),
    })
}

/// A model that takes bytes takes them as they are.
fn as_bytes(plan: Plan) -> Plan {
    Plan { scale: Scale::Bytes, mean: [0.0; 3], std: [1.0; 3], ..plan }
}

fn open(path: &Path, options: &Options) -> Result<Model, BuildError> {
    Model::open(path, options).map_err(|error| match error {
        ModelError::Device(_) => BuildError::parameter("device", error),
        // It names the file itself.
        ModelError::File(_) => BuildError::parameter("model_path", error),
        error => BuildError::parameter("model_path", format_args!("{}: {error}", path.display())),
    })
}

/// The same model, told the size of every axis: tract is several times as fast then. `None` when it knows them, or
/// when the model does not bear it.
fn fixed(
    path: &Path,
    options: Options,
    with: &OnnxImageEncoderParameters,
    (model, plan): (&Model, &Plan),
) -> Option<(Model, Plan)> {
    let input = model.inputs().first()?;
    if input.shape.iter().all(Option::is_some) {
        return None;
    }
    let sizes = plan.shape(1).into_iter().enumerate().map(|(axis, size)| (plan.input.clone(), axis, size));
    let model = Model::open(path, &Options { sizes: sizes.collect(), ..options }).ok()?;
    let plan = Plan::of(with, &model).ok()?;
    Some((model, plan))
}

fn told(path: &Path, model: &Model, plan: &Plan) {
    let [height, width] = plan.image_input.size;
    tracing::info!(
        model = %path.display(),
        runtime = model.runtime().backend().label(),
        input = %plan.element_type,
        output = plan.output,
        dimension = plan.vectors.dimension(),
        "pictures are encoded from {height} × {width} pixels"
    );
}

/// What it takes to make an encoder, beside the model.
struct Make {
    with: OnnxImageEncoderParameters,
    beside: usize,
    threads: usize,
}

impl Make {
    fn encoder<P: PreprocessImage, T: Number>(self, model: Model, plan: Plan) -> Instance {
        let preparing = if self.beside > 0 { self.beside } else { self.threads };
        let dimension = plan.vectors.dimension();
        let readying = Readying::<P, T>::new(&plan, self.with.tensors, preparing);
        let encoder = Encoder {
            encoding: Encoding { model, plan },
            readying,
            batches: Default::default(),
            is_beside: self.beside > 0,
            with: self.with,
        };
        Instance::new(encoder).with_output_dimension(dimension)
    }
}

struct Encoder<P, T> {
    encoding: Encoding,
    readying: Readying<P, T>,
    /// One that the model runs on, and one that is being made ready meanwhile.
    batches: [Batch<T>; 2],
    is_beside: bool,
    with: OnnxImageEncoderParameters,
}

impl<P: PreprocessImage, T: Number> Executor for Encoder<P, T> {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let drops = call.parameter("drop_image_content")?.unwrap_or(self.with.drop_image_content);
        let size = call.parameter("minibatch_size")?.unwrap_or(self.with.minibatch_size).max(1);
        let paths: AccessPaths = call.access_paths(&self.with.access_paths)?.into_owned();
        let budget = call.budget();
        call.for_each_batch(
            &paths,
            |documents| self.encode(documents, size, &budget),
            |document, vector| {
                document.embedding = Some(Tensor::vector(vector));
                if drops {
                    document.blob = None;
                    document.tensor = None;
                }
            },
        )
    }
}

type Vectors = Vec<Result<Vec<f32>, ExecutorError>>;

impl<P: PreprocessImage, T: Number> Encoder<P, T> {
    fn encode(
        &mut self,
        documents: &[&Document],
        size: usize,
        budget: &CallBudget,
    ) -> Result<Vectors, ExecutorError> {
        let mut vectors = Vec::with_capacity(documents.len());
        let mut batches = documents.chunks(size);
        let [running, next] = &mut self.batches;
        let (readying, encoding) = (&mut self.readying, &mut self.encoding);
        let Some(first) = batches.next() else { return Ok(vectors) };
        readying.ready(first, budget, running);
        loop {
            budget.check()?;
            let Some(documents) = batches.next() else {
                encoding.run(running, &mut vectors);
                return Ok(vectors);
            };
            if self.is_beside {
                std::thread::scope(|scope| {
                    scope.spawn(|| readying.ready(documents, budget, next));
                    encoding.run(running, &mut vectors);
                });
            } else {
                encoding.run(running, &mut vectors);
                readying.ready(documents, budget, next);
            }
            swap(running, next);
        }
    }
}

/// A model, and what is asked of it.
struct Encoding {
    model: Model,
    plan: Plan,
}

impl Encoding {
    /// Runs the model on a batch that is ready.
    fn run<T: Number>(&mut self, batch: &mut Batch<T>, vectors: &mut Vectors) {
        let found = self.found(&mut batch.numbers);
        let mut found = match found {
            Ok(found) => found.into_iter(),
            Err(error) => {
                let error = ExecutorError::new(ErrorKind::Internal, error);
                vectors.extend(
                    take(&mut batch.results)
                        .into_iter()
                        .map(|result| result.and_then(|()| Err(error.clone()))),
                );
                return;
            }
        };
        let missing = || {
            ExecutorError::new(
                ErrorKind::Internal,
                "the model returned fewer vectors than it was given pictures",
            )
        };
        vectors.extend(
            take(&mut batch.results)
                .into_iter()
                .map(|result| result.and_then(|()| found.next().ok_or_else(missing))),
        );
    }

    /// The vectors of the pictures, in as many runs as it takes when the model takes a number of its own at once.
    fn found<T: Number>(&mut self, numbers: &mut Vec<T>) -> Result<Vec<Vec<f32>>, ModelError> {
        let each = self.plan.numbers();
        let pictures = numbers.len() / each.max(1);
        if pictures == 0 {
            return Ok(Vec::new());
        }
        let at_once = self.plan.batch.unwrap_or(pictures);
        numbers.resize(pictures.next_multiple_of(at_once) * each, T::default());
        let mut found = Vec::with_capacity(pictures);
        for numbers in numbers.chunks_exact(at_once * each) {
            let feed = Feed { shape: self.plan.shape(at_once), elements: T::elements(numbers) };
            let (input, output, vectors) =
                (self.plan.input.as_str(), self.plan.output.as_str(), &self.plan.vectors);
            let read = self.model.run(&[(input, feed)], &[output], |fetched| {
                fetched.first().map(|output| vectors.read(output)).unwrap_or_default()
            });
            found.extend(read?);
        }
        found.truncate(pictures);
        Ok(found)
    }
}
