//! A batch of pictures made ready by several threads at once, each straight into its place.

use flowrun_sdk::{CallBudget, Document, ErrorKind, ExecutorError, Tensor};
use half::f16;
use parking_lot::Mutex;

use super::parameters::{Scale, Tensors};
use super::plan::Plan;
use super::{LookupTables, PreprocessImage};
use crate::session::Elements;

/// A number that a model reads pictures in.
pub(super) trait Number: Copy + Default + Send + Sync + 'static {
    /// The nearest one.
    fn of(number: f32) -> Self;

    /// Many of them.
    fn elements(numbers: &[Self]) -> Elements<'_>;
}

impl Number for f32 {
    fn of(number: f32) -> Self {
        number
    }

    fn elements(numbers: &[Self]) -> Elements<'_> {
        Elements::F32(numbers)
    }
}

impl Number for f16 {
    fn of(number: f32) -> Self {
        Self::from_f32(number)
    }

    fn elements(numbers: &[Self]) -> Elements<'_> {
        Elements::F16(numbers)
    }
}

impl Number for u8 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "cast and clamped, as bytes are"
    )]
    fn of(number: f32) -> Self {
        number.round() as Self
    }

    fn elements(numbers: &[Self]) -> Elements<'_> {
        Elements::U8(numbers)
    }
}

/// What makes batches ready.
pub(super) struct Readying<P, T> {
    /// One for each thread.
    preparers: Vec<P>,
    tables: Box<LookupTables<T>>,
    numbers: usize,
    shape: Vec<usize>,
    tensors: Tensors,
}

/// The pictures of a batch, one after the other; those that failed have no place among them.
pub(super) struct Batch<T> {
    pub(super) numbers: Vec<T>,
    /// What became of each document.
    pub(super) results: Vec<Result<(), ExecutorError>>,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self { numbers: Vec::new(), results: Vec::new() }
    }
}

impl<P: PreprocessImage, T: Number> Readying<P, T> {
    /// On so many threads.
    pub(super) fn new(plan: &Plan, tensors: Tensors, threads: usize) -> Self {
        let preparers = (0..threads.max(1)).map(|_| P::new(plan.image_input)).collect();
        let shape = plan.shape(1).split_off(1);
        Self { preparers, tables: Box::new(tables(plan)), numbers: plan.numbers(), shape, tensors }
    }

    /// Makes the pictures of `documents` ready; the memory of `batch` is used again.
    pub(super) fn ready(&mut self, documents: &[&Document], budget: &CallBudget, batch: &mut Batch<T>) {
        let Batch { numbers, results } = batch;
        numbers.resize(documents.len() * self.numbers, T::default());
        results.clear();
        results.resize(documents.len(), Ok(()));
        let places = numbers.chunks_exact_mut(self.numbers.max(1));
        let work = Mutex::new(documents.iter().zip(places).zip(results.iter_mut()));
        let (tables, shape, tensors) = (&*self.tables, self.shape.as_slice(), self.tensors);
        let work_off = |preparer: &mut P| {
            loop {
                // Its own statement: the lock is held while the next one is taken, and not while it is worked on.
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
        let work_off = &work_off;
        std::thread::scope(|scope| {
            for preparer in others.iter_mut().take(helpers) {
                scope.spawn(move || work_off(preparer));
            }
            work_off(own);
        });
        self.close_ranks(batch);
    }

    /// Moves the pictures that are ready to the front.
    fn close_ranks(&self, Batch { numbers, results }: &mut Batch<T>) {
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

/// A tensor that is ready.
fn taken<T: Number>(tensor: &Tensor, shape: &[usize], place: &mut [T]) -> Result<(), ExecutorError> {
    // One more axis, of a batch of one, is what crafters of Jina leave.
    let own = match tensor.shape() {
        [1, own @ ..] if own.len() == shape.len() => own,
        own => own,
    };
    if own != shape {
        let message = format_args!("the tensor is of shape {own:?}, and the model takes {shape:?}");
        return Err(ExecutorError::new(ErrorKind::Input, message));
    }
    place.iter_mut().zip(tensor.to_f32()?.iter()).for_each(|(place, number)| *place = T::of(*number));
    Ok(())
}

/// The number for every byte of every colour, computed in the steps and the precision of the references.
fn tables<T: Number>(plan: &Plan) -> LookupTables<T> {
    let channel = |mean: f32, std: f32| {
        std::array::from_fn(|byte| {
            #[expect(clippy::cast_precision_loss, reason = "a byte")]
            let byte = byte as f32;
            let scaled = match plan.scale {
                Scale::Unit => byte / 255.0,
                Scale::Signed => byte / 127.5 - 1.0,
                Scale::Bytes => byte,
            };
            T::of((scaled - mean) / std)
        })
    };
    let ([a, b, c], [d, e, f]) = (plan.mean, plan.std);
    [channel(a, d), channel(b, e), channel(c, f)]
}
