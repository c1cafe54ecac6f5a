//! A plugin whose first function panics.

use flowrun_sdk::{BuildError, Call, executor, export_executor};

flowrun_sdk::parameters! {
    /// None.
    pub struct Nothing {}
}

/// An executor that nobody gets to see.
#[derive(Debug)]
pub struct Unseen;

/// Does nothing.
#[executor]
impl Unseen {
    #[create]
    fn new(_: Nothing) -> Result<Self, BuildError> {
        Ok(Self)
    }

    #[requests]
    fn pass(&mut self, _: &mut Call<'_>) {}
}

#[expect(clippy::panic, reason = "it is what the plugin is for")]
fn start() -> Result<(), BuildError> {
    panic!("no licence was found")
}

export_executor!(Unseen::TYPE; init = start);
