//! flowrun

pub mod diagnostic;
pub mod graph;
pub mod limits;
pub mod spec;
pub mod topology;
pub mod yaml;
