//! A plugin whose entry point panics, for the tests of loading.

use flowrun_sdk::{BuildError, Call, executor, export_executor};

flowrun_sdk::parameters! {
    /// No parameters.
    pub struct NoParameters {}
}

/// An executor that is never created.
#[derive(Debug)]
pub struct Unseen;

/// Does nothing.
#[executor]
impl Unseen {
    #[create]
    fn new(_: NoParameters) -> Result<Self, BuildError> {
        Ok(Self)
    }

    #[requests]
    fn pass(&mut self, _: &mut Call<'_>) {}
}

#[expect(clippy::panic, reason = "the purpose of the plugin")]
fn start() -> Result<(), BuildError> {
    panic!("no licence was found")
}

export_executor!(Unseen::TYPE; init = start);
