//! Benchmark of the vector indexer on generated data with known exact answers, side by side with bare FAISS: build time,
//! memory, disk space, latencies, recall. `make bench-index` runs it together with peers in Python
//! (`benches/peers/index.py`).
//!
//! ```text
//! bench_index data DIRECTORY vectors=1000000 dimensions=768 kind=clustered [kept=false]
//!                        generates data, queries and exact answers; with kept=false vectors are not written to disk, but
//!                        generated again when they are needed
//! bench_index ours DIRECTORY index=auto [memory=2GB] [vectors=f16] [threads=2] [probes=64] [rerank=100]
//!                        builds an index and searches it
//! bench_index again DIRECTORY index=auto
//!                        searches the index that `ours` built
//! bench_index bare DIRECTORY index=IVF4096,PQ384x4fs
//!                        builds and searches the index with FAISS only, in memory
//! bench_index writing DIRECTORY index=auto
//!                        searches while documents are written
//! bench_index resident DIRECTORY index=auto shards=8 resident=2
//!                        fills shards and searches them in turn, with all indexes in memory and with a limited cache
//! ```
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a developer tool that stops at the first error"
)]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures are rounded for output"
)]

mod bare_faiss;
mod data;
mod figures;
mod index_cache;
mod indexer;
mod npy;
mod random;

use std::collections::HashMap;
use std::path::PathBuf;

/// Command-line options: `name=value` after verb and directory.
pub(crate) struct Options(HashMap<String, String>);

impl Options {
    /// Value of an option; `None` if it is not set.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Value of a numeric option, or the default if it is not set.
    pub(crate) fn number(&self, name: &str, default: usize) -> usize {
        self.text(name).map_or(default, |text| text.parse().unwrap())
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let verb = arguments.next().unwrap_or_default();
    let directory = PathBuf::from(arguments.next().unwrap_or_else(|| "bench-index".to_owned()));
    let pairs = arguments.filter_map(|argument| {
        let (name, value) = argument.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    let options = Options(pairs.collect());
    match verb.as_str() {
        "data" => data::generate(&directory, &options),
        "ours" => indexer::build_and_search(&directory, &options),
        "again" => indexer::search_again(&directory, &options),
        "writing" => indexer::search_while_writing(&directory, &options),
        "bare" => bare_faiss::measure(&directory, &options),
        "resident" => index_cache::build(&directory, &options),
        "shards" => index_cache::search(&directory, &options),
        other => panic!("`{other}` is none of data, ours, again, writing, resident, bare"),
    }
}
