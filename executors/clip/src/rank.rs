//! The endpoint `/rank`: orders the matches of a document by similarity.
//!
//! `clip_score_cosine` is the cosine of the embeddings; `clip_score` is the softmax over the matches of 100 × cosine.
//! 100 (e^4.60517) is the logit scale that CLIP was trained with. Matches are ordered by the cosine. The softmax has the same
//! order, but in single precision it is often 0 for several matches. Ties are ordered by id.

use std::cmp::Ordering;

use flowrun_sdk::{Document, ExecutorError, NamedScore};

/// Factor of the cosine before the softmax.
const LOGIT_SCALE: f64 = 100.0;

/// Scores and orders the matches of a document and drops their embeddings. A document without matches is unchanged.
///
/// # Errors
/// When the document or a match has no embedding, an embedding without direction (zero or not finite), or a match has
/// an embedding of another dimension. The matches are unchanged then.
pub(crate) fn rank(query: &mut Document) -> Result<(), ExecutorError> {
    if query.matches.is_empty() {
        return Ok(());
    }
    let vector = unit_vector(query)?;
    let scored = query.matches.iter().map(|candidate| cosine(&vector, candidate));
    let cosines = scored.collect::<Result<Vec<f64>, ExecutorError>>()?;
    let max = cosines.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let power = |cosine: f64| (LOGIT_SCALE * (cosine - max)).exp();
    let sum: f64 = cosines.iter().copied().map(power).sum();
    let mut ranked: Vec<(f64, Document)> = cosines.into_iter().zip(query.matches.take().into_vec()).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| compare_ids(&a.1, &b.1)));
    let ranked = ranked.into_iter().map(|(cosine, mut candidate)| {
        let scores =
            [("clip_score", "softmax", power(cosine) / sum), ("clip_score_cosine", "cosine", cosine)];
        for (name, operation, value) in scores {
            #[expect(clippy::cast_possible_truncation, reason = "scores are in single precision")]
            let score = NamedScore { ref_id: query.id.clone(), ..NamedScore::new(value as f32, operation) };
            candidate.scores.insert(name.to_owned(), score);
        }
        candidate.embedding = None;
        candidate
    });
    query.matches = ranked.collect();
    Ok(())
}

fn compare_ids(a: &Document, b: &Document) -> Ordering {
    a.id.cmp(&b.id)
}

/// The embedding of a document, scaled to Euclidean norm 1.
fn unit_vector(document: &Document) -> Result<Vec<f64>, ExecutorError> {
    let embedding = document.embedding.as_ref().ok_or_else(|| {
        ExecutorError::input(format_args!("`{}` has neither text nor image to rank by", document.label()))
    })?;
    let vector = embedding.to_f64().map_err(ExecutorError::input)?;
    let norm = vector.iter().map(|number| number * number).sum::<f64>().sqrt();
    if !(norm > 0.0 && norm.is_finite()) {
        let message = format_args!("the embedding of `{}` has no direction", document.label());
        return Err(ExecutorError::input(message));
    }
    Ok(vector.into_iter().map(|number| number / norm).collect())
}

fn cosine(query: &[f64], candidate: &Document) -> Result<f64, ExecutorError> {
    let candidate_vector = unit_vector(candidate)?;
    if candidate_vector.len() != query.len() {
        let (length, expected, label) = (candidate_vector.len(), query.len(), candidate.label());
        let message =
            format_args!("the embedding of `{label}` has dimension {length}, that of its query {expected}");
        return Err(ExecutorError::input(message));
    }
    Ok(query.iter().zip(&candidate_vector).map(|(a, b)| a * b).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(candidates: &[(&str, [f32; 2])]) -> Document {
        let candidate = |(id, vector): &(&str, [f32; 2])| Document::new(*id).with_embedding(vector.to_vec());
        Document {
            matches: candidates.iter().map(candidate).collect(),
            ..Document::new("q").with_embedding(vec![2.0, 0.0])
        }
    }

    #[test]
    fn matches_are_ordered_by_their_cosine_and_the_softmax_of_it() {
        let mut query = query(&[("far", [0.0, 1.0]), ("b", [3.0, 0.3]), ("a", [1.0, 0.1])]);
        rank(&mut query).unwrap();
        let ids: Vec<&str> = query.matches.iter().map(|candidate| candidate.id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "far"]);
        let score = |rank: usize, name: &str| query.matches[rank].scores[name].value;
        assert!((score(0, "clip_score_cosine") - 1.0 / 1.01_f32.sqrt()).abs() < 1e-6);
        assert!((score(0, "clip_score") - 0.5).abs() < 1e-6 && score(2, "clip_score") < 1e-6);
        assert_eq!(query.matches[0].scores["clip_score"].op_name, "softmax");
        assert!(query.matches.iter().all(|candidate| candidate.embedding.is_none()));
    }

    #[test]
    fn errors_name_the_document_without_a_comparable_embedding() {
        let mut odd = query(&[("a", [1.0, 0.0])]);
        odd.matches.make_mut().push(Document::new("bare"));
        let error = rank(&mut odd).unwrap_err();
        assert_eq!(error.message(), "`bare` has neither text nor image to rank by");
        assert_eq!(odd.matches.len(), 2);
        let mut still = query(&[("a", [0.0, 0.0])]);
        assert!(rank(&mut still).unwrap_err().message().contains("`a` has no direction"));
        let mut other = query(&[]);
        other.matches = [Document::new("long").with_embedding(vec![1.0; 3])].into_iter().collect();
        assert!(rank(&mut other).unwrap_err().message().contains("has dimension 3, that of its query 2"));
    }
}
