//! `Sentencizer`: makes the sentences of a text its chunks.

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, CallBudget, Document, Documents, Executor, ExecutorError,
    ExecutorType, Instance, parse_parameters,
};

use crate::chunking::{self, Piece};
use crate::punctuation::Punctuation;
use crate::sentence::{Sentence, Sentences};

flowrun_sdk::parameters! {
    /// What is cut, where, and which sentences are kept.
    pub(crate) struct SentencizerParameters {
        /// The documents whose texts are cut.
        access_paths: AccessPaths = AccessPaths::roots(),
        /// Shorter sentences are dropped; in characters, the marks at the end among them.
        min_sent_len: usize = 1,
        /// Longer sentences are cut to this; in characters.
        max_sent_len: usize = 512,
        /// The characters that end a sentence.
        punct_chars: Punctuation = Punctuation::default(),
        /// The most chunks that a text may become.
        chunks_max: usize = 1 << 16,
    }
}

pub(crate) const TYPE: ExecutorType = ExecutorType::new::<SentencizerParameters>(
    "Sentencizer",
    "Cuts each document's text into sentences, which become its chunks.",
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
        let sentences = Sentences::of(chunking::text(document)?, punct_chars).enumerate();
        let kept = sentences.filter(|(_, sentence)| sentence.len() >= *min_sent_len);
        let pieces = kept.map(|(number, sentence)| {
            let Sentence { text, start, end } = sentence.shortened(*max_sent_len);
            (number, Piece { text: text.into(), start, end })
        });
        chunking::chunks(document, pieces, "sentences", *chunks_max, budget)
    }
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: SentencizerParameters = parse_parameters(build)?;
    let SentencizerParameters { min_sent_len, max_sent_len, .. } = parameters;
    if min_sent_len.max(1) > max_sent_len {
        let reason = format_args!("must be at least 1 and `min_sent_len`, but is {max_sent_len}");
        return Err(BuildError::parameter("max_sent_len", reason));
    }
    Ok(Instance::new(Sentencizer(parameters)))
}
