//! `Sentencizer`: splits texts into sentences.

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, CallBudget, Document, Documents, Executor, ExecutorError,
    ExecutorType, Instance, parse_parameters,
};

use crate::chunking::{self, Piece};
use crate::punctuation::Punctuation;
use crate::sentence::{Sentence, Sentences};

flowrun_sdk::parameters! {
    /// Parameters of `Sentencizer`.
    pub(crate) struct SentencizerParameters {
        /// Documents to split.
        access_paths: AccessPaths = AccessPaths::roots(),
        /// Shortest sentence that is kept, in characters, including its final punctuation.
        min_sent_len: usize = 1,
        /// Longest chunk, in characters. Longer sentences are truncated.
        max_sent_len: usize = 512,
        /// Characters that end a sentence.
        punct_chars: Punctuation = Punctuation::default(),
        /// Largest number of chunks per text.
        chunks_max: usize = 1 << 16,
    }
}

/// `Sentencizer`.
pub(crate) const SENTENCIZER: ExecutorType = ExecutorType::new::<SentencizerParameters>(
    "Sentencizer",
    "Splits each document's text into sentences, which become its chunks.",
    create,
);

struct Sentencizer(SentencizerParameters);

impl Executor for Sentencizer {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.0.access_paths)?;
        let budget = call.budget();
        call.for_each(&paths, |document| {
            document.chunks = self.chunks(document, &budget)?;
            Ok(())
        })
    }
}

impl Sentencizer {
    fn chunks(&self, document: &Document, budget: &CallBudget) -> Result<Documents, ExecutorError> {
        let SentencizerParameters { min_sent_len, max_sent_len, punct_chars, chunks_max, .. } = &self.0;
        let sentences = Sentences::new(chunking::required_text(document)?, punct_chars).enumerate();
        let kept = sentences.filter(|(_, sentence)| sentence.len() >= *min_sent_len);
        let pieces = kept.map(|(number, sentence)| {
            let Sentence { text, start, end } = sentence.truncated(*max_sent_len);
            (number, Piece { text: text.into(), start, end })
        });
        chunking::create_chunks(document, pieces, "sentences", *chunks_max, budget)
    }
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: SentencizerParameters = parse_parameters(build)?;
    let SentencizerParameters { min_sent_len, max_sent_len, .. } = parameters;
    if min_sent_len.max(1) > max_sent_len {
        let reason = format_args!(
            "must be at least 1, and at least `min_sent_len` ({min_sent_len}), but is {max_sent_len}"
        );
        return Err(BuildError::parameter("max_sent_len", reason));
    }
    Ok(Instance::new(Sentencizer(parameters)))
}
