//! A plugin in Rust: its executor `Shout` appends a mark to the text of every document.

use flowrun_sdk::{BuildError, Document, ExecutorError, executor, export_executor};

flowrun_sdk::parameters! {
    /// Parameters of the executor, under `uses_with:` in the flow.
    pub struct ShoutParameters {
        /// Appended to every text.
        mark: String = "!".to_owned(),
    }
}

flowrun_sdk::parameters! {
    /// Parameters of a request.
    pub struct RepeatParameters {
        /// Number of repetitions.
        times: usize = 1,
    }
}

/// An executor that appends a mark to texts.
#[derive(Debug)]
pub struct Shout(ShoutParameters);

/// Appends a mark to the text of every document.
#[executor]
impl Shout {
    #[create]
    fn new(parameters: ShoutParameters) -> Result<Self, BuildError> {
        match parameters.mark.trim() {
            "" => Err(BuildError::parameter("mark", "must not be empty")),
            _ => Ok(Self(parameters)),
        }
    }

    #[requests("/index", "/search")]
    fn shout(&mut self, document: &mut Document, parameters: RepeatParameters) -> Result<(), ExecutorError> {
        let text = document.text.as_ref().ok_or_else(|| ExecutorError::input("the document has no text"))?;
        document.text = Some(format!("{text}{}", self.0.mark.repeat(parameters.times)).into());
        Ok(())
    }
}

export_executor!(Shout::TYPE);

#[cfg(test)]
mod tests {
    use flowrun_sdk::testing::ExecutorHarness;
    use flowrun_sdk::{Context, Value};

    use super::*;

    #[test]
    fn every_text_gets_its_mark_and_a_document_without_text_fails_alone() {
        let mut harness = ExecutorHarness::new(&Shout::TYPE, &Value::Null, Context::standalone(".")).unwrap();
        let documents = vec![Document::new("a").with_text("hello"), Document::new("b")];
        let answer = harness.call("/index", documents, &Value::Null).unwrap();
        assert_eq!(answer.documents[0].text.as_deref(), Some("hello!"));
        assert_eq!(answer.failures[0].error.message(), "the document has no text");
    }
}
