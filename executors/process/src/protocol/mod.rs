//! The protocol between a parent and a child process: frames and their JSON bodies.
//!
//! `python/flowrun/child.py` implements the child's side of the same protocol.

pub(crate) mod context;
pub(crate) mod frame;
#[cfg(test)]
mod fuzz;
pub(crate) mod ready;
pub(crate) mod status;
