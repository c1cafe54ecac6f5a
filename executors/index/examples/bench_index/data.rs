//! Generated data, deterministic: vectors of unit length, queries that are not among them, and the exact nearest vectors of
//! each query, from a comparison with all.
//!
//! `clustered` resembles real embeddings: few directions carry most of the variance. A cluster centre is a point of a
//! latent space of 96 dimensions with scales (1+j)^-0.4; members are normally distributed around it with 0.6 of these
//! scales; cluster sizes are Zipf-like (weight (1+c)^-0.5); a fixed random matrix maps the latent space to the requested
//! dimensions, and noise of a tenth of the length is added. `uniform`: all directions are equally likely; only exhaustive
//! search has a high recall there.

use std::path::Path;

use crate::Options;
use crate::npy::{self, Matrix};
use crate::random::Random;

/// File with kind, rows and dimensions of the data in a directory.
const NOTE: &str = "data.txt";
const LATENT: usize = 96;
const QUERIES: usize = 1000;
/// Rows per block; each block has its own seed.
const BLOCK: usize = 10_000;
/// Exact nearest vectors that are stored per query.
pub(crate) const NEIGHBOURS: usize = 10;

/// A generator of vectors.
pub(crate) struct Source {
    dimension: usize,
    /// LATENT × dimension; empty for uniform data.
    map: Vec<f32>,
    centres: Vec<f32>,
    /// Cumulative weights of the clusters, from 0 to 1.
    ends: Vec<f32>,
}

impl Source {
    fn new(rows: usize, dimension: usize, kind: &str) -> Self {
        let clusters = if kind == "uniform" { 0 } else { (rows / 250).max(1) };
        let mut random = Random::new(1);
        let mut map = vec![0.0; if clusters == 0 { 0 } else { LATENT * dimension }];
        random.fill_normal(&mut map);
        map.iter_mut().for_each(|element| *element /= (dimension as f32).sqrt());
        let mut centres = vec![0.0; clusters * LATENT];
        random.fill_normal(&mut centres);
        centres.chunks_mut(LATENT).for_each(scale);
        let weights: Vec<f32> = (0..clusters).map(|cluster| (1.0 + cluster as f32).powf(-0.5)).collect();
        let sum: f32 = weights.iter().sum();
        let ends = weights.iter().scan(0.0, |end, weight| {
            *end += weight / sum;
            Some(*end)
        });
        Self { dimension, map, centres, ends: ends.collect() }
    }

    /// The block that begins at row `first`.
    fn numbered_block(&self, first: usize, rows: usize) -> Vec<f32> {
        self.block(1000 + first as u64, rows)
    }

    /// `rows` vectors from the pseudo-random numbers of a seed.
    fn block(&self, seed: u64, rows: usize) -> Vec<f32> {
        let mut random = Random::new(seed);
        let mut vectors = vec![0.0; rows * self.dimension];
        if self.map.is_empty() {
            random.fill_normal(&mut vectors);
        } else {
            self.clustered(&mut random, rows, &mut vectors);
        }
        vectors.chunks_mut(self.dimension).for_each(normalize);
        vectors
    }

    fn clustered(&self, random: &mut Random, rows: usize, vectors: &mut [f32]) {
        let mut latent = vec![0.0; rows * LATENT];
        for point in latent.chunks_mut(LATENT) {
            let position = random.uniform();
            let cluster = self.ends.partition_point(|end| *end <= position).min(self.ends.len() - 1);
            random.fill_normal(point);
            scale(point);
            let centre = &self.centres[cluster * LATENT..(cluster + 1) * LATENT];
            point.iter_mut().zip(centre).for_each(|(element, centre)| *element = centre + 0.6 * *element);
        }
        multiply(&latent, &self.map, [rows, LATENT, self.dimension], false, vectors);
        let mut noise = vec![0.0; self.dimension];
        for vector in vectors.chunks_mut(self.dimension) {
            let length = vector.iter().map(|element| element * element).sum::<f32>().sqrt();
            let strength = 0.1 * length / (self.dimension as f32).sqrt();
            random.fill_normal(&mut noise);
            vector.iter_mut().zip(&noise).for_each(|(element, noise)| *element += strength * noise);
        }
    }
}

/// Multiplies the latent dimensions with their scales.
fn scale(point: &mut [f32]) {
    for (axis, element) in point.iter_mut().enumerate() {
        *element *= (1.0 + axis as f32).powf(-0.4);
    }
}

fn normalize(vector: &mut [f32]) {
    let length = vector.iter().map(|element| element * element).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|element| *element /= length);
}

/// into ← a b, or a bᵀ, all row-major: a is m × k, into is m × n.
fn multiply(a: &[f32], b: &[f32], [m, k, n]: [usize; 3], is_transposed: bool, into: &mut [f32]) {
    assert!(a.len() >= m * k && b.len() >= k * n && into.len() >= m * n);
    let one = |length: usize| isize::try_from(length).unwrap();
    let (row, column) = if is_transposed { (1, one(k)) } else { (one(n), 1) };
    let (a, b, into) = (a.as_ptr(), b.as_ptr(), into.as_mut_ptr());
    #[expect(unsafe_code, reason = "matrixmultiply takes pointers")]
    // SAFETY: the lengths are checked above, the strides follow from them, and `into` does not overlap `a` and `b`.
    unsafe {
        matrixmultiply::sgemm(m, k, n, 1.0, a, one(k), 1, b, row, column, 0.0, into, one(n), 1);
    }
}

/// The vectors, from the file, or generated again when they were not written.
pub(crate) enum Vectors {
    File(Matrix),
    Generated {
        source: Source,
        rows: usize,
        /// First row and vectors of the last generated block.
        block: (usize, Vec<f32>),
    },
}

impl Vectors {
    /// The vectors of the data that [`generate`] made in a directory.
    pub(crate) fn open(directory: &Path) -> Self {
        let path = directory.join("vectors.npy");
        if path.exists() {
            return Self::File(Matrix::open(&path));
        }
        let note = flowrun_sdk::guard::read_text(&directory.join(NOTE), 1 << 10).unwrap();
        let mut words = note.split_whitespace();
        let kind = words.next().unwrap();
        let [rows, dimension] = [(); 2].map(|()| words.next().unwrap().parse().unwrap());
        Self::Generated { source: Source::new(rows, dimension, kind), rows, block: (usize::MAX, Vec::new()) }
    }

    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::File(matrix) => matrix.rows,
            Self::Generated { rows, .. } => *rows,
        }
    }

    pub(crate) fn dimensions(&self) -> usize {
        match self {
            Self::File(matrix) => matrix.columns,
            Self::Generated { source, .. } => source.dimension,
        }
    }

    /// Elements of up to `count` rows from `first` on; the result may end at the end of a block.
    pub(crate) fn floats(&mut self, first: usize, count: usize) -> Vec<f32> {
        let (source, rows, block) = match self {
            Self::File(matrix) => return matrix.floats(first, count),
            Self::Generated { source, rows, block } => (source, *rows, block),
        };
        let start = first - first % BLOCK;
        if block.0 != start {
            *block = (start, source.numbered_block(start, BLOCK.min(rows - start)));
        }
        let elements = block.1.chunks(source.dimension).skip(first - start).take(count);
        elements.flatten().copied().collect()
    }
}

/// Generates the data of a directory, unless they exist.
pub(crate) fn generate(directory: &Path, options: &Options) {
    let (rows, dimension) = (options.number("vectors", 1_000_000), options.number("dimensions", 768));
    let kind = options.text("kind").unwrap_or("clustered");
    let described = format!("{kind} {rows} {dimension}\n");
    let note = directory.join(NOTE);
    if flowrun_sdk::guard::read_text(&note, 1 << 10).is_ok_and(|text| text == described) {
        return;
    }
    std::fs::create_dir_all(directory).unwrap();
    let source = Source::new(rows, dimension, kind);
    let queries = source.block(2, QUERIES);
    let mut file = npy::create(&directory.join("queries.npy"), "<f4", QUERIES, dimension);
    npy::append(&mut file, &queries);
    let is_kept = options.text("kept") != Some("false");
    let mut file = is_kept.then(|| npy::create(&directory.join("vectors.npy"), "<f4", rows, dimension));
    let mut nearest = vec![Vec::new(); QUERIES];
    for first in (0..rows).step_by(BLOCK) {
        let count = BLOCK.min(rows - first);
        let block = source.numbered_block(first, count);
        if let Some(file) = &mut file {
            npy::append(file, &block);
        }
        update_nearest(&queries, &block, dimension, first, &mut nearest);
    }
    let mut file = npy::create(&directory.join("nearest.npy"), "<i4", QUERIES, NEIGHBOURS);
    for nearest in nearest {
        let bytes: Vec<u8> = nearest.iter().flat_map(|(_, row): &(f32, u32)| row.to_le_bytes()).collect();
        std::io::Write::write_all(&mut file, &bytes).unwrap();
    }
    std::fs::write(note, described).unwrap();
    println!("{rows} {kind} vectors of {dimension} dimensions in {}", directory.display());
}

/// Updates the nearest vectors of all queries with a block of vectors.
fn update_nearest(
    queries: &[f32],
    block: &[f32],
    dimension: usize,
    first: usize,
    nearest: &mut [Vec<(f32, u32)>],
) {
    let count = block.len() / dimension;
    let mut products = vec![0.0; nearest.len() * count];
    multiply(queries, block, [nearest.len(), dimension, count], true, &mut products);
    for (nearest, products) in nearest.iter_mut().zip(products.chunks(count)) {
        let floor = nearest.get(NEIGHBOURS - 1).map_or(f32::NEG_INFINITY, |last| last.0);
        let rows = (first as u32..).zip(products).map(|(row, product)| (*product, row));
        nearest.extend(rows.filter(|(product, _)| *product > floor));
        nearest.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        nearest.truncate(NEIGHBOURS);
    }
}

/// The queries and the nearest rows of each.
pub(crate) fn queries(directory: &Path) -> (Vec<Vec<f32>>, Vec<Vec<u32>>) {
    let mut queries = Matrix::open(&directory.join("queries.npy"));
    let vectors = queries.floats(0, queries.rows);
    let nearest = Matrix::open(&directory.join("nearest.npy")).row_numbers();
    let vectors = vectors.chunks(queries.columns).map(<[f32]>::to_vec).collect();
    (vectors, nearest.chunks(NEIGHBOURS).map(<[u32]>::to_vec).collect())
}
