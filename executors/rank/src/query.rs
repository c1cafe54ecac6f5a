//! From a query document to its hits: the matches of its chunks, as an indexer left them.

use std::collections::HashMap;

use flowrun_sdk::{Document, ExecutorError, Parameter as _, SIBLINGS_TAG, Value};

use crate::{Hit, Hits, Id, Ranker};

/// The hits of a query. Of each match, `parent_id` is the document and the first score counts.
///
/// # Errors
/// When a match does not say what is needed, or something that `ranker` cannot take, naming the match and the chunk.
pub(crate) fn hits<'a, R: Ranker>(query: &'a Document, ranker: &R) -> Result<Hits<'a>, ExecutorError> {
    let mut rows = Vec::with_capacity(query.chunks.iter().map(|chunk| chunk.matches.len()).sum());
    let mut siblings = HashMap::new();
    for chunk in &query.chunks {
        for found in &chunk.matches {
            let incomplete = |what: &dyn std::fmt::Display| {
                ExecutorError::input(format_args!("match `{}` of chunk `{}` {what}", found.id, chunk.id))
            };
            let hit = hit(chunk, found, ranker).map_err(|reason| incomplete(&reason))?;
            if R::NEEDS_SIBLINGS {
                let count = siblings_of(found).map_err(|reason| incomplete(&reason))?;
                // The larger number where two stored copies of a chunk disagree: any rule does that asks no order.
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
        return Err("has no `parent_id`, which tells its document".to_owned());
    }
    let score = found.score().ok_or("has no score")?.value;
    if !score.is_finite() {
        return Err(format!("has the score {score}, which cannot be ranked"));
    }
    if score < 0.0
        && let Some(remedy) = ranker.remedy_below_zero()
    {
        return Err(format!("has the score {score}, which is no distance; {remedy}"));
    }
    Ok(Hit {
        document: Id(&found.parent_id),
        match_chunk: Id(&found.id),
        query_chunk: Id(&chunk.id),
        score: f64::from(score),
    })
}

fn siblings_of(found: &Document) -> Result<u32, String> {
    let tag = found.tags.get(SIBLINGS_TAG);
    let tag: &Value = tag.ok_or("has no tag `siblings`, which tells how many chunks its document has")?;
    let count = u32::parse(tag).filter(|count| *count > 0);
    count.ok_or_else(|| format!("has the tag `siblings` {tag}, which is not an integer ≥ 1"))
}
