//! What there is to compute with, for people: nothing is started for it.

use super::search::{self, Candidate};
use super::{Origin, library};

/// What was found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Every library that was looked into, in the order of the search, with its version or why it will not do.
    pub libraries: Vec<(Candidate, Result<String, String>)>,
}

impl Report {
    /// The library that models will run on; `None` for tract. An error when the one that is named will not do.
    ///
    /// # Errors
    /// Why the library that `ORT_DYLIB_PATH` names will not do.
    pub fn chosen(&self) -> Result<Option<(&Candidate, &str)>, &str> {
        for (candidate, outcome) in &self.libraries {
            match outcome {
                Ok(version) => return Ok(Some((candidate, version))),
                Err(reason) if candidate.origin == Origin::Environment => return Err(reason),
                Err(_) => {}
            }
        }
        Ok(None)
    }
}

/// Looks where [`super::start`] looks.
#[must_use]
pub fn report() -> Report {
    let looked_into = |candidate: Candidate| {
        let outcome = library::version(&candidate.path).map_err(|error| error.to_string());
        (candidate, outcome)
    };
    Report { libraries: search::candidates().into_iter().map(looked_into).collect() }
}
