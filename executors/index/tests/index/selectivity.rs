//! Recall of filtered searches, by selectivity of the filter.

use serde_json::json;

use crate::harness::{NO_DOCUMENTS, call, call_with, directory, document, matches_of, open};

const ROWS: u64 = 20_000;
const DIMENSION: u64 = 16;

/// Pseudo-random vectors around one of a hundred centres.
fn vector(number: u64) -> Vec<f32> {
    let noise = |seed: u64| {
        let mixed = (seed ^ seed >> 15).wrapping_mul(0x2c1b_3c6d_0e12_f1a5);
        (mixed >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let centre = number * 7919 % 100;
    (0..DIMENSION)
        .map(|axis| noise(centre * 31 + axis * 1009 + 5) + noise(number * 64 + axis + 77_777))
        .collect()
}

#[test]
fn recall_is_at_least_95_percent_for_filters_of_any_selectivity() {
    let directory = directory();
    // Quantized lists, lists of whole vectors, and a graph: each has its own search strategy.
    for index in ["IVF64,PQ8x4fs", "IVF64,Flat", "HNSW32"] {
        let with = json!({"metric": "euclidean", "index": index, "fsync": "never", "columns": {"n": "int"}});
        let mut executor = open(&directory.path().join(index), "VectorIndexer", &with);
        for block in 0..ROWS / 2000 {
            let numbers = block * 2000..(block + 1) * 2000;
            let documents = numbers.map(|number| {
                document(&format!("{number:05}"), &vector(number)).with_tag("n", number * 7 % 1000)
            });
            call(&mut executor, "/index", documents.collect());
        }
        call_with(&mut executor, "/status", NO_DOCUMENTS, json!({"settled": true})).unwrap();
        for (below, allowed) in [(900, 18_000), (100, 2000), (10, 200), (1, 20), (0, 0)] {
            let queries: Vec<_> = (0..30).map(|number| document("q", &vector(number * 613 + 1))).collect();
            let matching: Vec<u64> = (0..ROWS).filter(|number| number * 7 % 1000 < below).collect();
            assert_eq!(matching.len(), allowed);
            let parameters = json!({"filter": format!("n < {below}"), "top_k": 10});
            let answer = call_with(&mut executor, "/search", queries.clone(), parameters).unwrap();
            let (mut hits, mut all) = (0, 0);
            for (query, answer) in queries.iter().zip(&answer.documents) {
                let query = query.embedding.as_ref().unwrap().to_f32().unwrap();
                let mut nearest: Vec<(f32, String)> = matching
                    .iter()
                    .map(|number| {
                        let pairs = query.iter().zip(vector(*number));
                        (pairs.map(|(a, b)| (a - b).powi(2)).sum(), format!("{number:05}"))
                    })
                    .collect();
                nearest.sort_by(|a, b| a.0.total_cmp(&b.0));
                nearest.truncate(10);
                let answer = matches_of(answer);
                assert_eq!(answer.len(), nearest.len(), "{index}, n < {below}");
                hits += nearest.iter().filter(|(_, id)| answer.iter().any(|(found, _)| found == id)).count();
                all += nearest.len();
            }
            assert!(hits * 100 >= all * 95, "{index}, n < {below}: {hits} of {all}");
        }
    }
}
