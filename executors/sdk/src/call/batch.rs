//! [`Call::for_each_batch`]: processing of all documents of a call in one batch, as encoders do it.

use std::convert::Infallible;

use super::Call;
use crate::{AccessPaths, Document, ErrorKind, ExecutorError};

impl Call<'_> {
    /// Computes results for all documents on `paths` in one call of `compute`, and stores each in its document.
    ///
    /// `compute` receives the documents in order and returns one result for each; `store` puts a result into its document.
    /// An error among the results fails the root of that document alone, and so does growth beyond the
    /// [`CallBudget`](crate::CallBudget).
    ///
    /// # Errors
    /// The error of `compute`, which fails the whole call; [`ErrorKind::Internal`] if it returns another number of
    /// results; and those of [`Call::check`], if the request was cancelled or expired meanwhile.
    pub fn for_each_batch<T>(
        &mut self,
        paths: &AccessPaths,
        compute: impl FnOnce(&[&Document]) -> Result<Vec<Result<T, ExecutorError>>, ExecutorError>,
        mut store: impl FnMut(&mut Document, T),
    ) -> Result<(), ExecutorError> {
        self.check()?;
        let documents = self.documents.clone();
        let mut batch = Vec::new();
        let mut counts = Vec::with_capacity(documents.len());
        for root in documents.iter() {
            let before = batch.len();
            let Ok(()) = paths.visit(root, &mut |document| {
                batch.push(document);
                Ok::<(), Infallible>(())
            });
            counts.push(batch.len() - before);
        }
        let results = compute(&batch)?;
        if results.len() != batch.len() {
            let (results, documents) = (results.len(), batch.len());
            let message = format_args!("{results} results were computed for {documents} documents");
            return Err(ExecutorError::new(ErrorKind::Internal, message));
        }
        // Writing would copy documents that are still shared.
        drop(batch);
        drop(documents);
        let (mut results, mut counts) = (results.into_iter(), counts.into_iter());
        let budget = self.budget();
        self.try_for_each_root(|mut root| {
            let own: Vec<_> = results.by_ref().take(counts.next().unwrap_or_default()).collect();
            let mut own = own.into_iter();
            paths.visit_mut(&mut root, &mut |document| {
                budget.track_change(document, Document::memory_bytes, &mut |document: &mut Document| {
                    let Some(result) = own.next() else { return Ok(()) };
                    store(document, result?);
                    Ok(())
                })
            })?;
            Ok(vec![root])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RequestParameters;

    fn root(id: &str, chunks: &[&str]) -> Document {
        Document {
            chunks: chunks.iter().map(|text| Document::new(*text).with_text(*text)).collect(),
            ..Document::new(id)
        }
    }

    #[test]
    fn an_error_fails_its_root_and_the_other_documents_keep_their_results() {
        let none = RequestParameters::new();
        let documents =
            vec![root("a", &["1", "bad", "2"]), root("b", &["3"]), root("c", &[]), root("d", &["4", "5"])];
        let mut call = Call::new("/", documents.into(), &none);
        let compute = |documents: &[&Document]| {
            let results = documents.iter().map(|document| match document.id.as_str() {
                "bad" => Err(ExecutorError::input("bad")),
                id => Ok(format!("{id}!")),
            });
            Ok(results.collect())
        };
        call.for_each_batch(&AccessPaths::chunks(), compute, |document, text| {
            document.text = Some(text.into());
        })
        .unwrap();
        let answer = call.into_answer();
        let texts: Vec<&str> = answer
            .documents
            .iter()
            .flat_map(|root| root.chunks.iter())
            .filter_map(|chunk| chunk.text.as_deref())
            .collect();
        assert_eq!(texts, ["3!", "4!", "5!"]);
        assert_eq!(answer.failures.iter().map(|failure| failure.id.as_str()).collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn a_wrong_number_of_results_is_an_internal_error() {
        let none = RequestParameters::new();
        let mut call = Call::new("/", vec![root("a", &[])].into(), &none);
        let error = call.for_each_batch(&AccessPaths::roots(), |_| Ok(vec![]), |_, ()| ()).unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (ErrorKind::Internal, "0 results were computed for 1 documents")
        );
    }
}
