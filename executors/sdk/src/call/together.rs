//! Documents that are worked on together: what encoders do, which are faster with many than with one after the other.

use std::convert::Infallible;

use super::Call;
use crate::{AccessPaths, Document, ErrorKind, ExecutorError};

impl Call<'_> {
    /// Changes every document that `paths` lead to by what `make` makes of all of them at once: it is given them in
    /// their order and returns as many results, and `put` puts each into its document. An error among the results sets
    /// its root document aside as failed; the others go on. So does the root of a document that grows beyond the
    /// [`CallBudget`](crate::CallBudget).
    ///
    /// # Errors
    /// The error of `make`, which fails the whole call. When the request was given up meanwhile.
    pub fn for_each_batch<T>(
        &mut self,
        paths: &AccessPaths,
        make: impl FnOnce(&[&Document]) -> Result<Vec<Result<T, ExecutorError>>, ExecutorError>,
        mut put: impl FnMut(&mut Document, T),
    ) -> Result<(), ExecutorError> {
        self.check()?;
        let documents = self.documents.clone();
        let mut found = Vec::new();
        let mut counts = Vec::with_capacity(documents.len());
        for root in documents.iter() {
            let before = found.len();
            let Ok(()) = paths.visit(root, &mut |document| {
                found.push(document);
                Ok::<(), Infallible>(())
            });
            counts.push(found.len() - before);
        }
        let made = make(&found)?;
        if made.len() != found.len() {
            let (made, found) = (made.len(), found.len());
            let message = format_args!("{made} results were made of {found} documents");
            return Err(ExecutorError::new(ErrorKind::Internal, message));
        }
        // Otherwise writing would copy them.
        drop(found);
        drop(documents);
        let (mut made, mut counts) = (made.into_iter(), counts.into_iter());
        let budget = self.budget();
        self.try_roots(|mut root| {
            let own: Vec<_> = made.by_ref().take(counts.next().unwrap_or_default()).collect();
            let mut own = own.into_iter();
            paths.visit_mut(&mut root, &mut |document| {
                budget.track_change(document, Document::memory_bytes, &mut |document: &mut Document| {
                    let Some(result) = own.next() else { return Ok(()) };
                    put(document, result?);
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
    fn a_failed_document_takes_its_root_and_leaves_the_others_their_own_results() {
        let none = RequestParameters::new();
        let documents =
            vec![root("a", &["1", "bad", "2"]), root("b", &["3"]), root("c", &[]), root("d", &["4", "5"])];
        let mut call = Call::new("/", documents.into(), &none);
        let make = |documents: &[&Document]| {
            let made = documents.iter().map(|document| match document.id.as_str() {
                "bad" => Err(ExecutorError::input("bad")),
                id => Ok(format!("{id}!")),
            });
            Ok(made.collect())
        };
        call.for_each_batch(&AccessPaths::chunks(), make, |document, text| document.text = Some(text.into()))
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
    fn fewer_results_than_documents_are_a_defect() {
        let none = RequestParameters::new();
        let mut call = Call::new("/", vec![root("a", &[])].into(), &none);
        let error = call.for_each_batch(&AccessPaths::roots(), |_| Ok(vec![]), |_, ()| ()).unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (ErrorKind::Internal, "0 results were made of 1 documents")
        );
    }
}
