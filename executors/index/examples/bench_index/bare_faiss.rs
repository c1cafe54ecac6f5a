//! FAISS without the indexer: in memory, without documents, ids or disk. Candidates are re-ranked by exact distances, like in
//! the indexer; without it, the answers of a quantized index would not be comparable.

use std::path::Path;

use faiss::index::autotune::ParameterSpace;
use faiss::{Index as _, MetricType, index_factory};

use crate::Options;
use crate::data::{self, NEIGHBOURS};
use crate::figures::{memory, percentiles, processor_seconds, recall, timed};
use crate::npy::Matrix;

/// Builds an index of all vectors, searches it, and prints times, memory and recall.
pub(crate) fn measure(directory: &Path, options: &Options) {
    let text = options.text("index").unwrap_or("IVF4096,PQ384x4fs");
    let mut matrix = Matrix::open(&directory.join("vectors.npy"));
    let vectors = matrix.floats(0, matrix.rows);
    let dimension = matrix.columns;
    let mut index = index_factory(u32::try_from(dimension).unwrap(), text, MetricType::L2).unwrap();
    let sample = options.number("sample", 163_840).min(matrix.rows);
    let training = timed(|| index.train(&vectors[..sample * dimension]).unwrap()).0;
    let processor = processor_seconds();
    let adding = timed(|| vectors.chunks(1000 * dimension).for_each(|block| index.add(block).unwrap())).0;
    println!(
        "FAISS {text}: trained in {:.1} s, {} vectors added in {:.1} s ({:.0}/s, {:.0} s CPU)",
        training.as_secs_f64(),
        matrix.rows,
        adding.as_secs_f64(),
        matrix.rows as f64 / adding.as_secs_f64(),
        processor_seconds() - processor,
    );
    let (queries, nearest) = data::queries(directory);
    let space = ParameterSpace::new().unwrap();
    for (name, value) in [("nprobe", "probes"), ("efSearch", "ef")] {
        if let Some(number) = options.text(value).and_then(|text| text.split(',').next()?.parse::<u32>().ok())
        {
            space.set_index_parameter(&index, name, number).unwrap();
        }
    }
    let width = options.number("rerank", NEIGHBOURS);
    let processor = processor_seconds();
    let (mut times, found): (Vec<_>, Vec<Vec<u32>>) =
        queries.iter().map(|query| timed(|| nearest_of(&mut index, &vectors, query, width))).unzip();
    let processor = (processor_seconds() - processor) * 1e3 / queries.len() as f64;
    let (p50, p99) = percentiles(&mut times);
    let (anonymous, _) = memory();
    println!(
        "FAISS {text}: recall@{NEIGHBOURS} {:.4}, 1 thread p50 {p50:.2} p99 {p99:.2} ms ({processor:.2} ms CPU), {anonymous} MiB with the vectors",
        recall(&found, &nearest),
    );
}

fn nearest_of(index: &mut faiss::index::IndexImpl, vectors: &[f32], query: &[f32], width: usize) -> Vec<u32> {
    let found = index.search(query, width).unwrap();
    let rows = found.labels.iter().filter_map(|label| label.get());
    let mut compared: Vec<(f32, u32)> = rows
        .map(|row| {
            let start = row as usize * query.len();
            let pairs = query.iter().zip(&vectors[start..start + query.len()]);
            (pairs.map(|(a, b)| (a - b) * (a - b)).sum(), row as u32)
        })
        .collect();
    compared.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    compared.truncate(NEIGHBOURS);
    compared.into_iter().map(|(_, row)| row).collect()
}
