//! Extracts the vector of a document from its embedding.

use flowrun_sdk::{Document, ExecutorError};

use crate::metric::Metric;

/// Largest number of dimensions of a vector.
pub(crate) const DIMENSION_MAX: usize = 1 << 16;

/// The embedding of a document as a vector for which `metric` is defined. `dimension` is that of the index, once it is known.
///
/// # Errors
/// When the embedding is missing, is not a vector (a row or a column), has another dimension, or cannot be compared with
/// the metric.
pub(crate) fn vector(
    document: &Document,
    metric: Metric,
    dimension: Option<usize>,
) -> Result<Vec<f32>, ExecutorError> {
    let embedding = document.embedding.as_ref().ok_or_else(|| missing(document))?;
    let shape = embedding.shape();
    if shape.iter().filter(|side| **side != 1).count() > 1 {
        return Err(ExecutorError::input(format_args!(
            "the embedding has shape {shape:?}; a vector is needed"
        )));
    }
    let vector = embedding.to_f32()?;
    match (vector.len(), dimension) {
        (0, _) => return Err(ExecutorError::input("the embedding is empty")),
        (length, Some(dimension)) if length != dimension => {
            let message = format_args!("the embedding has {length} dimensions, the index {dimension}");
            return Err(ExecutorError::input(message));
        }
        (length, None) if length > DIMENSION_MAX => {
            let message =
                format_args!("the embedding has {length} dimensions, more than the {DIMENSION_MAX} allowed");
            return Err(ExecutorError::input(message));
        }
        _ => {}
    }
    metric.check(&vector)?;
    Ok(vector.into_owned())
}

/// The error for a document without an embedding.
fn missing(document: &Document) -> ExecutorError {
    let in_chunks = document.chunks.iter().any(|chunk| chunk.embedding.is_some());
    ExecutorError::input(if in_chunks {
        "the document has no embedding, but its chunks have: write `access_paths: '@c'`"
    } else {
        "the document has no embedding: put an encoder before this pod"
    })
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::Tensor;

    use super::*;

    fn with_shape(shape: Vec<usize>) -> Document {
        let elements = vec![1.0; shape.iter().product()];
        Document { embedding: Tensor::from_f32(shape, elements).ok(), ..Document::new("a") }
    }

    #[test]
    fn rows_and_columns_are_vectors_and_matrices_are_not() {
        for (shape, is_vector) in
            [(vec![3], true), (vec![1, 3], true), (vec![3, 1], true), (vec![3, 2], false), (vec![0], false)]
        {
            let read = vector(&with_shape(shape.clone()), Metric::Cosine, Some(3));
            assert_eq!(read.is_ok(), is_vector, "{shape:?} {read:?}");
        }
    }

    #[test]
    fn errors_name_the_bound_or_the_remedy() {
        let reason =
            |shape, dimension| vector(&with_shape(shape), Metric::Cosine, dimension).unwrap_err().to_string();
        assert_eq!(reason(vec![3], Some(4)), "the embedding has 3 dimensions, the index 4");
        assert!(reason(vec![DIMENSION_MAX + 1], None).contains("more than the 65536 allowed"));
        let missing = vector(&Document::new("a"), Metric::Cosine, None).unwrap_err().to_string();
        assert_eq!(missing, "the document has no embedding: put an encoder before this pod");
        let mut clip = Document::new("a");
        clip.chunks = [clip.new_chunk(0).with_embedding(vec![1.0])].into_iter().collect();
        let missing = vector(&clip, Metric::Cosine, None).unwrap_err().to_string();
        assert!(missing.ends_with("its chunks have: write `access_paths: '@c'`"), "{missing}");
    }
}
