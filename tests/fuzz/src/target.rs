//! A function under test, and the loop that feeds it.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::corpus::{Corpus, Files};
use crate::mutate::mutate;
use crate::random::Random;
use crate::trial::{Budget, attempt};

/// Time for which a target runs in the test suite.
const DURATION: Duration = Duration::from_millis(400);

/// Longest input in bytes.
const BYTES_MAX: usize = 64 << 10;

/// Maximum number of attempts to make a finding shorter.
const SHRINKING_MAX: usize = 2_000;

/// Bytes of a finding that are printed.
const SHOWN_BYTES: usize = 200;

type Generator = Box<dyn Fn(&mut Random) -> Vec<u8>>;

/// A function under test.
pub struct Target {
    name: &'static str,
    seeds: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
    generator: Option<Generator>,
    budget: Budget,
}

impl Target {
    /// Creates a target without seeds, whose memory may be eight times the input and 64 kB.
    pub fn new(name: &'static str) -> Self {
        let budget = Budget::new(8, 64 << 10);
        Self { name, seeds: Vec::new(), words: Vec::new(), generator: None, budget }
    }

    /// Adds valid inputs.
    #[must_use]
    pub fn seeds(mut self, seeds: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        self.seeds.extend(seeds.into_iter().map(|seed| seed.as_ref().to_vec()));
        self
    }

    /// Adds byte sequences with a meaning in the format.
    #[must_use]
    pub fn words(mut self, words: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        self.words.extend(words.into_iter().map(|word| word.as_ref().to_vec()));
        self
    }

    /// Sets a generator of inputs that have the structure of valid ones.
    #[must_use]
    pub fn generator(self, generator: impl Fn(&mut Random) -> Vec<u8> + 'static) -> Self {
        Self { generator: Some(Box::new(generator)), ..self }
    }

    /// Sets the memory that an input may take: `factor` × its length, and `constant` bytes.
    #[must_use]
    pub fn memory(self, factor: usize, constant: usize) -> Self {
        Self { budget: Budget::new(factor, constant), ..self }
    }

    /// Adds memory that an input may take for each of the parts that `count` finds in it.
    #[must_use]
    pub fn memory_per_part(self, bytes: usize, count: fn(&[u8]) -> usize) -> Self {
        Self { budget: Budget { per_part: bytes, parts: count, ..self.budget }, ..self }
    }

    /// Tries seeds, earlier findings and new inputs. `check` returns a description of the outcome, such as an error
    /// message: inputs with a new one are kept.
    ///
    /// # Panics
    /// If `check` panics, or an input exceeds the budget of memory or time.
    pub fn run(self, check: impl Fn(&[u8]) -> String) {
        let seconds = std::env::var("FLOWRUN_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
        let duration = seconds.map_or(DURATION, Duration::from_secs_f64);
        // In the test suite the inputs are the same in every run.
        let seed = if seconds.is_some() { std::process::id() } else { 0 };
        let mut random = Random::new(seed.into());
        let files = Files::of(self.name);
        let mut corpus = Corpus::default();
        for input in files.inputs().into_iter().chain(self.seeds.clone()) {
            // Memory that is allocated once, on the first use, does not count.
            let _ = attempt(&input, self.budget, &check);
            self.attempt(&files, &input, &check);
            corpus.add(&mut random, input);
        }
        let (mut seen, mut largest, mut inputs) = (HashSet::new(), 0, 0_u64);
        let start = Instant::now();
        while start.elapsed() < duration {
            let input = self.input(&mut random, &corpus);
            inputs += 1;
            let (signature, ratio) = self.attempt(&files, &input, &check);
            if seen.insert(signature) || ratio > largest {
                largest = largest.max(ratio);
                corpus.add(&mut random, input);
            }
        }
        files.remove_current();
        println!(
            "{}: {inputs} inputs with {} outcomes, {} kept, at most {largest} × memory",
            self.name,
            seen.len(),
            corpus.len()
        );
    }

    fn input(&self, random: &mut Random, corpus: &Corpus) -> Vec<u8> {
        let input = match &self.generator {
            Some(generator) if random.once_in(3) => generator(random),
            _ => corpus.choose(random).to_vec(),
        };
        let other = corpus.choose(random);
        mutate(random, &input, &self.words, other, BYTES_MAX)
    }

    /// Tries an input. Returns signature and memory ratio of the outcome; panics after shrinking a finding.
    fn attempt(&self, files: &Files, input: &[u8], check: &dyn Fn(&[u8]) -> String) -> (u64, usize) {
        files.write_current(input);
        let trial = attempt(input, self.budget, check);
        let Some(failure) = trial.failure else { return (trial.signature, trial.ratio) };
        let fails = |input: &[u8]| attempt(input, self.budget, check).failure;
        let (input, failure) = shrink(input, failure, &fails);
        files.remove_current();
        let path = files.write_finding(&input);
        panic!("{}: {failure}\n{}\nin {}", self.name, shown(&input), path.display());
    }
}

/// Removes parts of an input as long as it still fails.
fn shrink(input: &[u8], failure: String, fails: &dyn Fn(&[u8]) -> Option<String>) -> (Vec<u8>, String) {
    let (mut input, mut failure) = (input.to_vec(), failure);
    let (mut length, mut attempts) = (input.len() / 2, 0);
    while length > 0 {
        let mut start = 0;
        while start < input.len() && attempts < SHRINKING_MAX {
            attempts += 1;
            let mut shorter = input.clone();
            shorter.drain(start..input.len().min(start + length));
            match fails(&shorter) {
                Some(found) => (input, failure) = (shorter, found),
                None => start += length,
            }
        }
        length /= 2;
    }
    (input, failure)
}

/// The beginning of an input, escaped.
fn shown(input: &[u8]) -> String {
    let mut text = String::new();
    for byte in input.iter().take(SHOWN_BYTES) {
        // Writing to a string does not fail.
        let _ = write!(text, "{}", byte.escape_ascii());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_shrunk_to_the_bytes_that_matter() {
        let fails = |input: &[u8]| input.contains(&7).then(|| "has a 7".to_owned());
        let (input, _) = shrink(&[1, 2, 3, 7, 5, 6], String::new(), &fails);
        assert_eq!(input, [7]);
    }

    #[test]
    #[should_panic(expected = "bytes of memory for 0 bytes of input")]
    fn memory_above_the_budget_is_a_failure() {
        Target::new("memory-of-the-fuzzer").seeds(["bomb"]).run(|_| {
            drop(Vec::<u8>::with_capacity(1 << 20));
            String::new()
        });
    }

    #[test]
    #[should_panic(expected = "panic: found")]
    fn a_panic_is_found_by_mutation() {
        Target::new("panic-of-the-fuzzer").seeds(["abcdefgh"]).run(|input| {
            assert!(input.len() >= 8, "found");
            String::new()
        });
    }
}
