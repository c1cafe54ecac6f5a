//! Time ranges of the frames of one video: merges matches of `GroupMatches` that belong to one scene, or that are close in time.
//!
//! The tags are those of `VideoSegmenter`. A range is its best match, with its bounds as additional tags, so that the id, the scores
//! and the time of the best frame need no names of their own.

use std::collections::HashMap;
use std::time::Duration;

use flowrun_sdk::{Document, Value};

use crate::group_matches::group_id;

/// Tag with the time of a frame, in seconds.
const TIMESTAMP: &str = "timestamp";
/// Tag with the number of the scene of a frame.
const SCENE_NUMBER: &str = "scene_number";
/// Tags with the bounds of the scene of a frame, in seconds.
const SCENE_BOUNDS: [&str; 2] = ["scene_start", "scene_end"];

/// Tags that a range adds to its best match: its bounds in seconds, and the number of its matches.
const RANGE_TAGS: [&str; 3] = ["start", "end", "frames"];

flowrun_sdk::choice! {
    /// Matches that become one range.
    pub(crate) enum Ranges {
        /// None.
        Off = "off",
        /// Matches with an equal `scene_number`: from `scene_start` to `scene_end`.
        Scenes = "scenes",
        /// Matches whose `timestamp` is at most `gap` after that of another: from the first to the last of them.
        Times = "times",
    }
}

/// Merges the matches of one group, the best first, into ranges in the order of their best matches. Matches without the tags are
/// unchanged.
pub(crate) fn merge(matches: Vec<Document>, ranges: Ranges, gap: Duration) -> Vec<Document> {
    let spans = match ranges {
        Ranges::Off => return matches,
        Ranges::Scenes => scenes(&matches),
        Ranges::Times => times(&matches, gap.as_secs_f64()),
    };
    let mut merged = Vec::with_capacity(matches.len());
    // Positions in `merged` by span.
    let mut positions: HashMap<usize, usize> = HashMap::new();
    let mut counts: Vec<u64> = Vec::new();
    for (found, span) in matches.into_iter().zip(&spans.of_matches) {
        let Some(span) = span else {
            merged.push(found);
            counts.push(0);
            continue;
        };
        let position = *positions.entry(*span).or_insert_with(|| {
            merged.push(found);
            counts.push(0);
            merged.len() - 1
        });
        if let Some(count) = counts.get_mut(position) {
            *count += 1;
        }
    }
    for (span, position) in positions {
        let (Some(range), Some((start, end)), Some(count)) =
            (merged.get_mut(position), spans.bounds.get(span), counts.get(position))
        else {
            continue;
        };
        let values = [Value::from(*start), Value::from(*end), Value::from(*count)];
        range.tags_mut().extend(RANGE_TAGS.map(str::to_owned).into_iter().zip(values));
    }
    merged
}

/// Spans of time, and the span of each match, if it has one.
struct Spans {
    bounds: Vec<(f64, f64)>,
    of_matches: Vec<Option<usize>>,
}

/// A span for each scene.
fn scenes(matches: &[Document]) -> Spans {
    let (mut bounds, mut numbers) = (Vec::new(), HashMap::new());
    let mut span = |found: &Document| {
        let number = found.tags.get(SCENE_NUMBER).filter(|number| !number.is_null())?;
        let [start, end] = SCENE_BOUNDS.map(|name| seconds(found, name));
        let scene = (start?, end?);
        Some(*numbers.entry(group_id(number)).or_insert_with(|| {
            bounds.push(scene);
            bounds.len() - 1
        }))
    };
    let of_matches = matches.iter().map(&mut span).collect();
    Spans { bounds, of_matches }
}

/// A span for each run of times of which none is more than `gap` after the one before it.
fn times(matches: &[Document], gap: f64) -> Spans {
    let timed = matches.iter().enumerate();
    let mut timed: Vec<(f64, usize)> =
        timed.filter_map(|(position, found)| Some((seconds(found, TIMESTAMP)?, position))).collect();
    timed.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut bounds: Vec<(f64, f64)> = Vec::new();
    let mut of_matches = vec![None; matches.len()];
    for (time, position) in timed {
        match bounds.last_mut().filter(|(_, end)| time - *end <= gap) {
            Some((_, end)) => *end = time,
            None => bounds.push((time, time)),
        }
        if let Some(span) = of_matches.get_mut(position) {
            *span = Some(bounds.len() - 1);
        }
    }
    Spans { bounds, of_matches }
}

/// Value of a numeric tag.
fn seconds(found: &Document, name: &str) -> Option<f64> {
    found.tags.get(name).and_then(Value::as_f64).filter(|time| time.is_finite())
}
