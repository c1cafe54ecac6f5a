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

    /// Wraps a slice.
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
        reason = "cast and clamped, as bytes are"
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
    preparers: Vec<P>,
    tables: Box<LookupTables<T>>,
    numbers: usize,
    shape: Vec<usize>,
    tensors: Tensors,
}

/// A preprocessed batch.
pub(super) struct Batch<T> {
    /// The images, concatenated, without those that failed.
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
        let preparers = (0..threads.max(1)).map(|_| P::new(plan.image_input)).collect();
        let shape = plan.shape(1).split_off(1);
        Self { preparers, tables: Box::new(tables(plan)), numbers: plan.numbers(), shape, tensors }
    }

    /// Preprocesses the images of `documents` into `batch`, whose memory is reused.
    pub(super) fn preprocess(&mut self, documents: &[&Document], budget: &CallBudget, batch: &mut Batch<T>) {
        let Batch { numbers, results } = batch;
        numbers.resize(documents.len() * self.numbers, T::default());
        results.clear();
        results.resize(documents.len(), Ok(()));
        let places = numbers.chunks_exact_mut(self.numbers.max(1));
        let work = Mutex::new(documents.iter().zip(places).zip(results.iter_mut()));
        let (tables, shape, tensors) = (&*self.tables, self.shape.as_slice(), self.tensors);
        let process_documents = |preparer: &mut P| {
            loop {
                // A separate statement, so that the lock is not held while the image is processed.
                let next = work.lock().next();
                let Some(((document, place), result)) = next else { return };
                let is_taken = |tensor: &&Tensor| match tensors {
                    Tensors::Picture => false,
                    Tensors::Input => true,
                    Tensors::ByType => tensor.as_u8().is_none(),
                };
                *result = match document.tensor.as_ref().filter(is_taken) {
                    Some(tensor) => taken(tensor, shape, place),
                    None => preparer.preprocess(document, budget, tables, place),
                };
            }
        };
        let helpers = self.preparers.len().min(documents.len()).saturating_sub(1);
        let Some((own, others)) = self.preparers.split_first_mut() else { return };
        let process_documents = &process_documents;
        std::thread::scope(|scope| {
            for preparer in others.iter_mut().take(helpers) {
                scope.spawn(move || process_documents(preparer));
            }
            process_documents(own);
        });
        self.remove_gaps(batch);
    }

    /// Removes the gaps of failed images.
    fn remove_gaps(&self, Batch { numbers, results }: &mut Batch<T>) {
        let mut good = 0;
        for (place, _) in results.iter().enumerate().filter(|(_, result)| result.is_ok()) {
            if place > good {
                numbers.copy_within(place * self.numbers..(place + 1) * self.numbers, good * self.numbers);
            }
            good += 1;
        }
        numbers.truncate(good * self.numbers);
    }
}

/// Copies a tensor that is already model input.
fn taken<T: InputElement>(tensor: &Tensor, shape: &[usize], place: &mut [T]) -> Result<(), ExecutorError> {
    // Jina's crafters leave an additional batch axis of size 1.
    let own = match tensor.shape() {
        [1, own @ ..] if own.len() == shape.len() => own,
        own => own,
    };
    if own != shape {
        let message = format_args!("the tensor has shape {own:?}, but the model requires {shape:?}");
        return Err(ExecutorError::new(ErrorKind::Input, message));
    }
    place.iter_mut().zip(tensor.to_f32()?.iter()).for_each(|(place, number)| *place = T::from_f32(*number));
    Ok(())
}

/// Lookup tables of all channels, computed in the steps and the precision of torchvision and Keras.
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
