//! Measures the vector indexer on made data, whose exact answers are known, beside bare FAISS: building, memory, disk,
//! latencies, recall. `make bench-index` runs it with its peers in Python (`benches/peers/index.py`).
//!
//! ```text
//! bench_index data DIRECTORY vectors=1000000 dimensions=768 kind=clustered [kept=false]
//!                                                          makes data, queries and exact answers; vectors that are
//!                                                          not kept are made again when they are needed
//! bench_index ours DIRECTORY index=auto [memory=2GB] [vectors=f16] [threads=2] [probes=64] [rerank=100]
//!                                                                            builds an index and searches it
//! bench_index again DIRECTORY index=auto                                     searches what `ours` built
//! bench_index bare DIRECTORY index=IVF4096,PQ384x4fs                         the same with FAISS alone, in memory
//! bench_index writing DIRECTORY index=auto                                   searches while documents are written
//! bench_index resident DIRECTORY index=auto shards=8 resident=2              fills shards and searches them in turn, with
//!                                                                            the indexes of all in memory, and of few
//! ```
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a tool for developers, ended by the first error"
)]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people"
)]

mod bare;
mod data;
mod figures;
mod npy;
mod ours;
mod random;
mod resident;

use std::collections::HashMap;
use std::path::PathBuf;

/// What the command line says: `name=value` behind the verb and the directory.
pub(crate) struct Options(HashMap<String, String>);

impl Options {
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

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
        "data" => data::make(&directory, &options),
        "ours" => ours::build_and_search(&directory, &options),
        "again" => ours::search_again(&directory, &options),
        "writing" => ours::search_while_writing(&directory, &options),
        "bare" => bare::measure(&directory, &options),
        "resident" => resident::build(&directory, &options),
        "shards" => resident::search(&directory, &options),
        other => panic!("`{other}` is none of data, ours, again, writing, resident, bare"),
    }
}
