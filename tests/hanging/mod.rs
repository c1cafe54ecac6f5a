//! Executors that do not return: their requests end in time, others go on, and the process says so and ends.

mod flows;
mod models;
mod program;
