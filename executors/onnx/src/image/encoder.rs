//! The executor `OnnxImageEncoder`.

use std::mem::{swap, take};
use std::path::Path;

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, CallBudget, Cancellation, ContentKind, Document, ErrorKind,
    Executor, ExecutorDescription, ExecutorError, Instance, ModelState, Tensor, parse_parameters, tracing,
};
use half::f16;

use super::PreprocessImage;
use super::batch_preprocessor::{Batch, BatchPreprocessor, InputElement};
use super::parameters::OnnxImageEncoderParameters;
use super::plan::Plan;
use super::preset::Scale;
use crate::session::{ElementType, InputTensor, Model, ModelError, Options};

/// Describes the encoder: its model exists or not.
pub(super) fn describe(build: &Build) -> ExecutorDescription {
    let model = parse_parameters::<OnnxImageEncoderParameters>(build)
        .map_or(ModelState::Unknown, |with| ModelState::of_file(&build.context.resolve(&with.model_path)));
    ExecutorDescription::encoder(model).with_needed_content(ContentKind::Picture, build)
}

/// Creates an `OnnxImageEncoder`.
pub(super) fn create<P: PreprocessImage>(build: &Build) -> Result<Instance, BuildError> {
    let with: OnnxImageEncoderParameters = parse_parameters(build)?;
    if with.minibatch_size == 0 {
        return Err(BuildError::parameter("minibatch_size", "must be at least 1"));
    }
    let threads = build.context.threads.max(1);
    // With one thread, preprocessing and the model cannot run in parallel.
    let preprocess_threads = with.num_worker_preprocess.unwrap_or_default().min(threads - 1);
    let path = build.context.resolve(&with.model_path);
    let options =
        Options { threads: threads - preprocess_threads, device: with.device, ..Options::default() };
    let mut model = open(&path, &options)?;
    let mut plan = Plan::resolve(&with, &model)?;
    if !model.runtime().is_onnx_runtime()
        && let Some((fixed, fixed_plan)) = fixed(&path, options, &with, (&model, &plan))
    {
        (model, plan) = (fixed, fixed_plan);
    }
    log_model(&path, &model, &plan);
    let builder = EncoderBuilder { with, preprocess_threads, threads };
    Ok(match plan.element_type {
        ElementType::F16 => builder.build::<P, f16>(model, plan),
        ElementType::U8 => builder.build::<P, u8>(model, as_bytes(plan)),
        _ => builder.build::<P, f32>(model, plan),
    })
}

/// The plan for a model with byte inputs, which are not scaled.
fn as_bytes(plan: Plan) -> Plan {
    Plan { scale: Scale::Bytes, mean: [0.0; 3], std: [1.0; 3], ..plan }
}

fn open(path: &Path, options: &Options) -> Result<Model, BuildError> {
    Model::open(path, options).map_err(|error| match error {
        ModelError::Device(_) => BuildError::parameter("device", error),
        // The message contains the path.
        ModelError::File(_) => BuildError::parameter("model_path", error),
        error => BuildError::parameter("model_path", format_args!("{}: {error}", path.display())),
    })
}

/// Opens the model again with fixed sizes of all axes, with which tract is several times as fast. `None` if they are
/// fixed already, or the model does not support it.
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
    let plan = Plan::resolve(with, &model).ok()?;
    Some((model, plan))
}

fn log_model(path: &Path, model: &Model, plan: &Plan) {
    let [height, width] = plan.image_input.size;
    tracing::info!(
        model = %path.display(),
        runtime = model.runtime().backend().label(),
        input = %plan.element_type,
        output = plan.output,
        dimension = plan.pooling.dimension(),
        "images are scaled to {height} × {width} pixels before encoding"
    );
}

/// Settings of an encoder apart from the model.
struct EncoderBuilder {
    with: OnnxImageEncoderParameters,
    preprocess_threads: usize,
    threads: usize,
}

impl EncoderBuilder {
    fn build<P: PreprocessImage, T: InputElement>(self, model: Model, plan: Plan) -> Instance {
        let threads = if self.preprocess_threads > 0 { self.preprocess_threads } else { self.threads };
        let dimension = plan.pooling.dimension();
        let preprocessor = BatchPreprocessor::<P, T>::new(&plan, self.with.tensors, threads);
        let encoder = Encoder {
            encoding: Encoding { model, plan },
            preprocessor,
            batches: Default::default(),
            is_parallel: self.preprocess_threads > 0,
            with: self.with,
        };
        Instance::new(encoder).with_output_dimension(dimension)
    }
}

struct Encoder<P, T> {
    encoding: Encoding,
    preprocessor: BatchPreprocessor<P, T>,
    /// The batch that the model runs on, and the batch that is preprocessed meanwhile.
    batches: [Batch<T>; 2],
    is_parallel: bool,
    with: OnnxImageEncoderParameters,
}

impl<P: PreprocessImage, T: InputElement> Executor for Encoder<P, T> {
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

impl<P: PreprocessImage, T: InputElement> Encoder<P, T> {
    fn encode(
        &mut self,
        documents: &[&Document],
        size: usize,
        budget: &CallBudget,
    ) -> Result<Vectors, ExecutorError> {
        let mut vectors = Vec::with_capacity(documents.len());
        let mut batches = documents.chunks(size);
        let [running, next] = &mut self.batches;
        let (preprocessor, encoding) = (&mut self.preprocessor, &mut self.encoding);
        let Some(first) = batches.next() else { return Ok(vectors) };
        preprocessor.preprocess(first, budget, running);
        loop {
            budget.check()?;
            let Some(documents) = batches.next() else {
                encoding.run(running, &mut vectors, budget);
                return Ok(vectors);
            };
            if self.is_parallel {
                std::thread::scope(|scope| {
                    scope.spawn(|| preprocessor.preprocess(documents, budget, next));
                    encoding.run(running, &mut vectors, budget);
                });
            } else {
                encoding.run(running, &mut vectors, budget);
                preprocessor.preprocess(documents, budget, next);
            }
            swap(running, next);
        }
    }
}

/// A model and its plan.
struct Encoding {
    model: Model,
    plan: Plan,
}

impl Encoding {
    /// Runs the model on a preprocessed batch.
    fn run<T: InputElement>(&mut self, batch: &mut Batch<T>, vectors: &mut Vectors, budget: &CallBudget) {
        let found = self.infer(&mut batch.numbers, budget.cancellation());
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
        let missing =
            || ExecutorError::new(ErrorKind::Internal, "the model returned fewer vectors than images");
        vectors.extend(
            take(&mut batch.results)
                .into_iter()
                .map(|result| result.and_then(|()| found.next().ok_or_else(missing))),
        );
    }

    /// The vectors of the images. A fixed batch size of the model may require several runs.
    fn infer<T: InputElement>(
        &mut self,
        numbers: &mut Vec<T>,
        cancellation: &Cancellation,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let each = self.plan.numbers();
        let pictures = numbers.len() / each.max(1);
        if pictures == 0 {
            return Ok(Vec::new());
        }
        let at_once = self.plan.batch.unwrap_or(pictures);
        numbers.resize(pictures.next_multiple_of(at_once) * each, T::default());
        let mut found = Vec::with_capacity(pictures);
        for numbers in numbers.chunks_exact(at_once * each) {
            let feed = InputTensor { shape: self.plan.shape(at_once), elements: T::elements(numbers) };
            let (input, output, vectors) =
                (self.plan.input.as_str(), self.plan.output.as_str(), &self.plan.pooling);
            let read = self.model.run_until(cancellation, &[(input, feed)], &[output], |fetched| {
                fetched.first().map(|output| vectors.read(output)).unwrap_or_default()
            });
            found.extend(read?);
        }
        found.truncate(pictures);
        Ok(found)
    }
}
