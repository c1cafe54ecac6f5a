//! Collects the hits of a query from the matches of its chunks.

use std::collections::HashMap;

use flowrun_sdk::{Document, ExecutorError, Parameter as _, SIBLINGS_TAG, Value};

use crate::{Hit, Hits, Id, Ranker};

/// Hits of a query. The document of a match is its `parent_id`; its score is the first one.
///
/// # Errors
/// When a match lacks `parent_id`, a score, or the tag `siblings` although `ranker` needs it, or has a score that `ranker`
/// does not support. The error names match and chunk.
pub(crate) fn collect_hits<'a, R: Ranker>(
    query: &'a Document,
    ranker: &R,
) -> Result<Hits<'a>, ExecutorError> {
    let mut rows = Vec::with_capacity(query.chunks.iter().map(|chunk| chunk.matches.len()).sum());
    let mut siblings = HashMap::new();
    for chunk in &query.chunks {
        for found in &chunk.matches {
            let invalid = |reason: &dyn std::fmt::Display| {
                ExecutorError::input(format_args!("match `{}` of chunk `{}` {reason}", found.id, chunk.id))
            };
            let hit = hit(chunk, found, ranker).map_err(|reason| invalid(&reason))?;
            if R::NEEDS_SIBLINGS {
                let count = sibling_count(found).map_err(|reason| invalid(&reason))?;
                // If stored copies of a chunk disagree, the larger number counts, in whatever order they appear.
                siblings
                    .entry(hit.match_chunk)
                    .and_modify(|known: &mut u32| *known = count.max(*known))
                    .or_insert(count);
            }
            rows.push(hit);
        }
    }
    Ok(Hits::new(rows, u32::try_from(query.chunks.len()).unwrap_or(u32::MAX), siblings))
}

fn hit<'a>(chunk: &'a Document, found: &'a Document, ranker: &impl Ranker) -> Result<Hit<'a>, String> {
    if found.parent_id.is_empty() {
        return Err("has no `parent_id`, which names its document".to_owned());
    }
    let score = found.score().ok_or("has no score")?.value;
    if !score.is_finite() {
        return Err(format!("has the score {score}, which cannot be ranked"));
    }
    if score < 0.0
        && let Some(remedy) = ranker.negative_score_remedy()
    {
        return Err(format!("has the score {score}, which is not a distance; {remedy}"));
    }
    Ok(Hit {
        document: Id(&found.parent_id),
        match_chunk: Id(&found.id),
        query_chunk: Id(&chunk.id),
        score: f64::from(score),
    })
}

/// The tag `siblings`: number of chunks of the document of a match.
fn sibling_count(found: &Document) -> Result<u32, String> {
    let tag = found.tags.get(SIBLINGS_TAG);
    let tag: &Value = tag.ok_or("has no tag `siblings`, the number of chunks of its document")?;
    let count = u32::parse(tag).filter(|count| *count > 0);
    count.ok_or_else(|| format!("has the tag `siblings` {tag}, which is not an integer ≥ 1"))
}
