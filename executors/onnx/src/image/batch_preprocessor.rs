//! Preprocesses a batch of images with several threads, directly into the input tensor.

use flowrun_sdk::{CallBudget, Document, ErrorKind, ExecutorError, Tensor};
use half::f16;
use parking_lot::Mutex;

use super::parameters::Tensors;
use super::plan::Plan;
use super::preset::Scale;
use super::{LookupTables, PreprocessImage};
use crate::session::Elements;

/// An element type of image inputs.
pub(super) trait InputElement: Copy + Default + Send + Sync + 'static {
    /// Converts to the nearest value.
    fn from_f32(number: f32) -> Self;

    /// Wraps elements as the input of a model run.
    fn elements(numbers: &[Self]) -> Elements<'_>;
}

impl InputElement for f32 {
    fn from_f32(number: f32) -> Self {
        number
    }

    fn elements(numbers: &[Self]) -> Elements<'_> {
        Elements::F32(numbers)
    }
}

impl InputElement for f16 {
    fn from_f32(number: f32) -> Self {
        Self::from_f32(number)
    }

    fn elements(numbers: &[Self]) -> Elements<'_> {
        Elements::F16(numbers)
    }
}

impl InputElement for u8 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates at 0 and 255, as intended"
    )]
    fn from_f32(number: f32) -> Self {
        number.round() as Self
    }

    fn elements(numbers: &[Self]) -> Elements<'_> {
        Elements::U8(numbers)
    }
}

/// Preprocesses batches.
pub(super) struct BatchPreprocessor<P, T> {
    /// One preprocessor per thread.
    preprocessors: Vec<P>,
    /// Normalised value of each byte, by channel.
    tables: Box<LookupTables<T>>,
    /// Number of elements of one image.
    image_elements: usize,
    /// Shape of one image.
    shape: Vec<usize>,
    /// Interpretation of the documents' tensors.
    tensors: Tensors,
}

/// A preprocessed batch.
pub(super) struct Batch<T> {
    /// Elements of the images, concatenated, without images that failed.
    pub(super) numbers: Vec<T>,
    /// Result for each document.
    pub(super) results: Vec<Result<(), ExecutorError>>,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self { numbers: Vec::new(), results: Vec::new() }
    }
}

impl<P: PreprocessImage, T: InputElement> BatchPreprocessor<P, T> {
    /// Creates a preprocessor with the given number of threads.
    pub(super) fn new(plan: &Plan, tensors: Tensors, threads: usize) -> Self {
        let preprocessors = (0..threads.max(1)).map(|_| P::new(plan.image_input)).collect();
        let shape = plan.shape(1).split_off(1);
        Self { preprocessors, tables: Box::new(tables(plan)), image_elements: plan.numbers(), shape, tensors }
    }

    /// Preprocesses the images of `documents` into `batch`, whose memory is reused.
    pub(super) fn preprocess(&mut self, documents: &[&Document], budget: &CallBudget, batch: &mut Batch<T>) {
        let Batch { numbers, results } = batch;
        numbers.resize(documents.len() * self.image_elements, T::default());
        results.clear();
        results.resize(documents.len(), Ok(()));
        let outputs = numbers.chunks_exact_mut(self.image_elements.max(1));
        let work = Mutex::new(documents.iter().zip(outputs).zip(results.iter_mut()));
        let (tables, shape, tensors) = (&*self.tables, self.shape.as_slice(), self.tensors);
        let process_documents = |preprocessor: &mut P| {
            loop {
                // A separate statement, so that the lock is not held while the image is processed.
                let next = work.lock().next();
                let Some(((document, output), result)) = next else { return };
                let is_model_input = |tensor: &&Tensor| match tensors {
                    Tensors::Picture => false,
                    Tensors::Input => true,
                    Tensors::ByType => tensor.as_u8().is_none(),
                };
                *result = match document.tensor.as_ref().filter(is_model_input) {
                    Some(tensor) => copy_model_input(tensor, shape, output),
                    None => preprocessor.preprocess(document, budget, tables, output),
                };
            }
        };
        let helpers = self.preprocessors.len().min(documents.len()).saturating_sub(1);
        let Some((own, others)) = self.preprocessors.split_first_mut() else { return };
        let process_documents = &process_documents;
        std::thread::scope(|scope| {
            for preprocessor in others.iter_mut().take(helpers) {
                scope.spawn(move || process_documents(preprocessor));
            }
            process_documents(own);
        });
        self.remove_gaps(batch);
    }

    /// Moves the images together, over the gaps of failed images.
    fn remove_gaps(&self, Batch { numbers, results }: &mut Batch<T>) {
        let mut good = 0;
        for (position, _) in results.iter().enumerate().filter(|(_, result)| result.is_ok()) {
            if position > good {
                let image = position * self.image_elements..(position + 1) * self.image_elements;
                numbers.copy_within(image, good * self.image_elements);
            }
            good += 1;
        }
        numbers.truncate(good * self.image_elements);
    }
}

/// Copies a tensor that is already model input.
fn copy_model_input<T: InputElement>(
    tensor: &Tensor,
    shape: &[usize],
    output: &mut [T],
) -> Result<(), ExecutorError> {
    // Jina's crafters leave an additional batch axis of size 1.
    let own = match tensor.shape() {
        [1, own @ ..] if own.len() == shape.len() => own,
        own => own,
    };
    if own != shape {
        let message = format_args!("the tensor has shape {own:?}, but the model requires {shape:?}");
        return Err(ExecutorError::new(ErrorKind::Input, message));
    }
    let numbers = tensor.to_f32()?;
    output.iter_mut().zip(numbers.iter()).for_each(|(element, number)| *element = T::from_f32(*number));
    Ok(())
}

/// Lookup tables of all channels, computed with the steps and the precision of torchvision and Keras.
fn tables<T: InputElement>(plan: &Plan) -> LookupTables<T> {
    let channel = |mean: f32, std: f32| {
        std::array::from_fn(|byte| {
            #[expect(clippy::cast_precision_loss, reason = "a byte")]
            let byte = byte as f32;
            let scaled = match plan.scale {
                Scale::Unit => byte / 255.0,
                Scale::Signed => byte / 127.5 - 1.0,
                Scale::Bytes => byte,
            };
            T::from_f32((scaled - mean) / std)
        })
    };
    let ([a, b, c], [d, e, f]) = (plan.mean, plan.std);
    [channel(a, d), channel(b, e), channel(c, f)]
}
