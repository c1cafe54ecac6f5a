//! Fuzzing of parsers on stable Rust: no panic, and bounded memory and time for every input.
//!
//! A [`Target`] has a name, seeds, and a budget of memory relative to the length of its input. [`Target::run`] first
//! replays the seeds and earlier findings, then mutates seeds and generated inputs for `FLOWRUN_FUZZ_SECONDS` (a fraction
//! of a second in the test suite, where the inputs are the same in every run). Inputs with a new outcome, or with more
//! memory per byte than any other, are mutated further.
//!
//! Findings are shrunk and written to `target/fuzz/NAME/`. An input that ends the process, such as a stack overflow, is
//! left there as well, because every input is written before it is tried. A finding that is fixed is moved to
//! `tests/fuzz/seeds/NAME/`.
//!
//! Coverage does not guide the mutations: it would need an instrumented build with a nightly compiler or a C++ engine.
//! The allocator of this crate counts for each thread, so that tests in parallel are not counted together.

#![expect(
    clippy::panic,
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a test fails by panicking, and prints what it tried"
)]

mod allocator;
mod corpus;
pub mod generate;
mod mutate;
mod random;
mod target;
mod trial;
pub mod words;

pub use allocator::peak_of;
pub use random::Random;
pub use target::Target;
