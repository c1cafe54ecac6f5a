//! One input and its outcome: memory, time, a panic.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use xxhash_rust::xxh3::xxh3_64;

use crate::allocator::peak_of;

/// Time for one input. Inputs are short, so more than this is a loop or work that grows with the square of the length.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Memory that an input may take: a multiple of its length, a constant, and an amount for each of its parts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) factor: usize,
    pub(crate) constant: usize,
    pub(crate) per_part: usize,
    /// Counts the parts of an input.
    pub(crate) parts: fn(&[u8]) -> usize,
}

impl Budget {
    /// A multiple of the length of the input and a constant.
    pub(crate) fn new(factor: usize, constant: usize) -> Self {
        Self { factor, constant, per_part: 0, parts: |_| 0 }
    }

    fn bytes(self, input: &[u8]) -> usize {
        input.len() * self.factor + self.constant + self.per_part * (self.parts)(input)
    }
}

/// The outcome of an input.
pub(crate) struct Trial {
    /// Hash of the outcome without digits, so that outcomes that differ only in numbers are equal.
    pub(crate) signature: u64,
    /// Memory beyond an eighth of the constant part of the budget, per byte of input.
    pub(crate) ratio: usize,
    /// The broken promise, if any.
    pub(crate) failure: Option<String>,
}

/// Tries an input. `check` returns a description of the outcome, such as an error message.
pub(crate) fn attempt(input: &[u8], budget: Budget, check: &dyn Fn(&[u8]) -> String) -> Trial {
    let start = Instant::now();
    let (result, peak) = peak_of(|| catch_unwind(AssertUnwindSafe(|| check(input))));
    let elapsed = start.elapsed();
    let failure = match &result {
        Err(panic) => Some(format!("panic: {}", message(panic.as_ref()))),
        Ok(_) if peak > budget.bytes(input) => Some(format!(
            "{peak} bytes of memory for {} bytes of input; {} are allowed",
            input.len(),
            budget.bytes(input)
        )),
        Ok(_) if elapsed > TIME_MAX => Some(format!("{elapsed:?} for {} bytes of input", input.len())),
        Ok(_) => None,
    };
    let outcome: String =
        result.unwrap_or_default().chars().filter(|letter| !letter.is_ascii_digit()).collect();
    let ratio = peak.saturating_sub(budget.constant / 8) / input.len().max(1);
    Trial { signature: xxh3_64(outcome.as_bytes()), ratio, failure }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
