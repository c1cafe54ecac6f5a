//! Executors that do not return: their requests end at their time limit, other requests are processed, the process reports the
//! hanging worker, and it can exit.

mod flows;
mod models;
mod program;
