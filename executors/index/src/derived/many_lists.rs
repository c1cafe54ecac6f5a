//! Indexes of so many inverted lists that their centroids are found, and vectors assigned to them, by groups.

use super::{Approximation, Derived, IndexType, Tuning};
use crate::metric::Metric;

const DIMENSION: usize = 8;

/// Points around so many centres, the same in each run.
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
            let place = (centre.wrapping_mul(2_654_435_761) >> (3 * axis) & 7) as f32;
            place + 0.3 * next()
        }));
    }
    points
}

fn trained(text: &str, metric: Metric, vectors: &[f32]) -> Derived {
    let kind = IndexType::parse(text).unwrap();
    let mut derived =
        Derived::new(kind, DIMENSION, Approximation::new(metric, DIMENSION), Tuning::default()).unwrap();
    derived.train(vectors).unwrap();
    derived
}

/// How many of every hundredth vector are found in the one list that is the nearest to it.
fn found_in_one_list(derived: &Derived, vectors: &[f32]) -> f64 {
    let effort = derived.effort(Tuning { n_probe: Some(1), ..Tuning::default() }, 1, None);
    let asked: Vec<usize> = (0..vectors.len() / DIMENSION).step_by(100).collect();
    let is_found = |row: &&usize| {
        let query = &vectors[**row * DIMENSION..(**row + 1) * DIMENSION];
        derived.search(query, 1, &effort).unwrap().of(0).any(|(found, _)| found == **row as u64)
    };
    asked.iter().filter(is_found).count() as f64 / asked.len() as f64
}

#[test]
fn vectors_go_into_the_lists_in_which_they_are_looked_for() {
    let vectors = points(42_000, 3000);
    for text in ["IVF1024,Flat", "IVF1024_HNSW32,Flat"] {
        let mut derived = trained(text, Metric::Euclidean, &vectors);
        let grouped = derived.grouped(42_000).unwrap();
        assert!(grouped.is_some(), "{text}");
        for block in vectors.chunks(5000 * DIMENSION) {
            let staged = derived.stage(grouped.as_ref(), block).unwrap().unwrap();
            derived.add_staged(&staged).unwrap();
        }
        assert_eq!(derived.rows(), 42_000);
        let found = found_in_one_list(&derived, &vectors);
        assert!(found > 0.97, "{text}: {found}");
    }
}

#[test]
fn directions_are_assigned_to_lists_too() {
    let mut vectors = points(42_000, 3000);
    for vector in vectors.chunks_mut(DIMENSION) {
        let norm = vector.iter().map(|element| element * element).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|element| *element /= norm);
    }
    let mut derived = trained("IVF1024,Flat", Metric::Cosine, &vectors);
    let grouped = derived.grouped(42_000).unwrap();
    let staged = derived.stage(grouped.as_ref(), &vectors).unwrap().unwrap();
    derived.add_staged(&staged).unwrap();
    let found = found_in_one_list(&derived, &vectors);
    assert!(found > 0.97, "{found}");
}

#[test]
fn few_rows_and_few_lists_need_no_groups() {
    let vectors = points(42_000, 3000);
    let derived = trained("IVF64,Flat", Metric::Euclidean, &vectors);
    assert!(derived.grouped(1 << 20).unwrap().is_none());
    let derived = trained("IVF1024,Flat", Metric::Euclidean, &vectors);
    assert!(derived.grouped(10).unwrap().is_none());
}
