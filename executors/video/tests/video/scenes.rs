//! Scene cuts against those of the generator.

use std::path::Path;

use serde_json::json;

use crate::drawing::{Transition, Transitions, draw, encode};
use crate::support::{has_ffmpeg, segment, tags};

/// Frames by which a cut may be before or after its transition.
const TOLERANCE: usize = 3;

/// Frames at which scenes begin, except for the first.
fn cuts(path: &Path) -> Vec<usize> {
    let video = segment(path, &json!({}));
    let starts = tags(&video, "scene_start").into_iter().skip(1);
    starts.map(|start| (start * 25.0).round() as usize).collect()
}

/// Harmonic mean of precision and recall.
fn f1(found: &[usize], transitions: &[Transition]) -> f64 {
    let mut unused: Vec<usize> = found.to_vec();
    let mut hits = 0;
    for transition in transitions {
        let range = transition.first.saturating_sub(TOLERANCE)..=transition.last + TOLERANCE;
        if let Some(position) = unused.iter().position(|cut| range.contains(cut)) {
            unused.remove(position);
            hits += 1;
        }
    }
    2.0 * f64::from(hits) / (found.len() + transitions.len()) as f64
}

fn measured(seeds: std::ops::Range<u64>, transitions: Transitions) -> f64 {
    let directory = tempfile::tempdir().unwrap();
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    let mut offset = 0;
    for seed in seeds {
        let path = directory.path().join(format!("{seed}.mp4"));
        let drawn = draw(seed, 20, transitions);
        encode(&drawn.frames, &path, &["-preset", "veryfast"]);
        found.extend(cuts(&path).iter().map(|cut| cut + offset));
        expected.extend(drawn.transitions.iter().map(|transition| Transition {
            first: transition.first + offset,
            last: transition.last + offset,
        }));
        // Far enough that no cut counts for another video.
        offset += drawn.frames.len() + 1000;
    }
    let f1 = f1(&found, &expected);
    eprintln!("{transitions:?}: {} transitions, {} found, F1 {f1:.3}", expected.len(), found.len());
    f1
}

#[test]
fn hard_cuts_are_found_with_an_f1_of_at_least_0_95() {
    if has_ffmpeg() {
        assert!(measured(0..3, Transitions::Cuts) >= 0.95);
    }
}

#[test]
fn fades_are_found_with_an_f1_of_at_least_0_8() {
    if has_ffmpeg() {
        assert!(measured(10..13, Transitions::Fades) >= 0.8);
    }
}
