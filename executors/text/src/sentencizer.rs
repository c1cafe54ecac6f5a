//! `Sentencizer`: makes the sentences of a text its chunks.

use flowrun_sdk::{
    AccessPaths, Allowance, Build, BuildError, Call, Document, Documents, Executor, ExecutorError,
    ExecutorType, Instance, count_siblings, parse,
};

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

/// The largest text that is cut, in bytes. Positions are single-precision floats, which are exact up to here.
const TEXT_BYTES_MAX: usize = 1 << 24;

struct Sentencizer(SentencizerParameters);

impl Executor for Sentencizer {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.0.access_paths)?;
        let allowance = call.allowance();
        call.each(&paths, |document| {
            document.chunks = self.chunks(document, &allowance)?;
            Ok(())
        })
    }
}

impl Sentencizer {
    /// The sentences of a document as its chunks. Each tells its number (`offset`), the characters that it spans
    /// (`location`: first, behind the last) and how many there are (tag `siblings`), which rankers ask.
    fn chunks(&self, document: &Document, allowance: &Allowance) -> Result<Documents, ExecutorError> {
        let text =
            document.text.as_deref().ok_or_else(|| ExecutorError::input("the document has no text"))?;
        if text.len() > TEXT_BYTES_MAX {
            let bytes = text.len();
            let message = format_args!("the text has {bytes} bytes, more than the {TEXT_BYTES_MAX} allowed");
            return Err(ExecutorError::input(message));
        }
        let SentencizerParameters { min_sent_len, max_sent_len, punct_chars, chunks_max, .. } = &self.0;
        let sentences = Sentences::of(text, punct_chars).enumerate();
        let mut chunks = Vec::new();
        for (number, sentence) in sentences.filter(|(_, sentence)| sentence.len() >= *min_sent_len) {
            allowance.check()?;
            if chunks.len() == *chunks_max {
                let message = format_args!("the text has more sentences than the {chunks_max} allowed");
                return Err(ExecutorError::input(message));
            }
            let chunk = chunk(document, number, &sentence.shortened(*max_sent_len));
            allowance.take(chunk.bytes())?;
            chunks.push(chunk);
        }
        count_siblings(&mut chunks);
        Ok(chunks.into())
    }
}

fn chunk(document: &Document, number: usize, sentence: &Sentence<'_>) -> Document {
    let mut chunk = document.chunk(number).with_text(sentence.text);
    chunk.weight = Some(1.0);
    chunk.offset = Some(number as f32);
    chunk.location = vec![sentence.start as f32, sentence.end as f32];
    chunk
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: SentencizerParameters = parse(build)?;
    let SentencizerParameters { min_sent_len, max_sent_len, .. } = parameters;
    if min_sent_len.max(1) > max_sent_len {
        let reason = format_args!("must be at least 1 and `min_sent_len`, but is {max_sent_len}");
        return Err(BuildError::parameter("max_sent_len", reason));
    }
    Ok(Instance::thread(Sentencizer(parameters)))
}
