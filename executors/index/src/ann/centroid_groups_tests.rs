//! Tests of indexes with so many inverted lists that centroids are trained and searched by groups.

use super::{AnnIndex, DistanceBound, IndexType, Tuning};
use crate::metric::Metric;

const DIMENSION: usize = 8;

/// Pseudo-random points around `centres` centres, deterministic.
fn points(count: usize, centres: u32) -> Vec<f32> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    let mut points = Vec::with_capacity(count * DIMENSION);
    for number in 0..count {
        let centre = number as u32 % centres;
        points.extend((0..DIMENSION).map(|axis| {
            let coordinate = (centre.wrapping_mul(2_654_435_761) >> (3 * axis) & 7) as f32;
            coordinate + 0.3 * next()
        }));
    }
    points
}

fn trained(text: &str, metric: Metric, vectors: &[f32]) -> AnnIndex {
    let index_type = IndexType::parse(text).unwrap();
    let distance_bound = DistanceBound::new(metric, DIMENSION);
    let mut ann = AnnIndex::new(index_type, DIMENSION, distance_bound, Tuning::default()).unwrap();
    ann.train(vectors).unwrap();
    ann
}

/// Fraction of every hundredth vector that a search of only its nearest list finds.
fn recall_of_one_probe(ann: &AnnIndex, vectors: &[f32]) -> f64 {
    let effort = ann.search_effort(Tuning { n_probe: Some(1), ..Tuning::default() }, 1, None);
    let queried: Vec<usize> = (0..vectors.len() / DIMENSION).step_by(100).collect();
    let is_found = |row: &&usize| {
        let query = &vectors[**row * DIMENSION..(**row + 1) * DIMENSION];
        ann.search(query, 1, &effort).unwrap().for_query(0).any(|(found, _)| found == **row as u64)
    };
    queried.iter().filter(is_found).count() as f64 / queried.len() as f64
}

#[test]
fn vectors_are_added_to_the_lists_that_a_search_probes() {
    let vectors = points(42_000, 3000);
    for text in ["IVF1024,Flat", "IVF1024_HNSW32,Flat"] {
        let mut ann = trained(text, Metric::Euclidean, &vectors);
        let groups = ann.group_centroids(42_000).unwrap();
        assert!(groups.is_some(), "{text}");
        for block in vectors.chunks(5000 * DIMENSION) {
            let staged = ann.stage(groups.as_ref(), block).unwrap().unwrap();
            ann.add_staged(&staged).unwrap();
        }
        assert_eq!(ann.rows(), 42_000);
        let recall = recall_of_one_probe(&ann, &vectors);
        assert!(recall > 0.97, "{text}: {recall}");
    }
}

#[test]
fn vectors_of_unit_length_are_assigned_to_lists_by_inner_product() {
    let mut vectors = points(42_000, 3000);
    for vector in vectors.chunks_mut(DIMENSION) {
        let norm = vector.iter().map(|element| element * element).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|element| *element /= norm);
    }
    let mut ann = trained("IVF1024,Flat", Metric::Cosine, &vectors);
    let groups = ann.group_centroids(42_000).unwrap();
    let staged = ann.stage(groups.as_ref(), &vectors).unwrap().unwrap();
    ann.add_staged(&staged).unwrap();
    let recall = recall_of_one_probe(&ann, &vectors);
    assert!(recall > 0.97, "{recall}");
}

#[test]
fn centroids_are_not_grouped_for_few_rows_or_few_lists() {
    let vectors = points(42_000, 3000);
    let ann = trained("IVF64,Flat", Metric::Euclidean, &vectors);
    assert!(ann.group_centroids(1 << 20).unwrap().is_none());
    let ann = trained("IVF1024,Flat", Metric::Euclidean, &vectors);
    assert!(ann.group_centroids(10).unwrap().is_none());
}
