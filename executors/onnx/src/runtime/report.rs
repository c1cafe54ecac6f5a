//! Report on the available libraries of ONNX Runtime, without starting one.

use super::search::{self, Candidate};
use super::{Origin, library};

/// Result of the search for libraries.
#[derive(Clone, Debug)]
pub struct Report {
    /// Every library that was inspected, in search order, with its version or the reason why it cannot be used.
    pub libraries: Vec<(Candidate, Result<String, String>)>,
}

impl Report {
    /// The library that models will run on; `None` if there is none, so that they run on the built-in `tract`.
    ///
    /// # Errors
    /// The reason why the library at `ORT_DYLIB_PATH` cannot be used.
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

/// Inspects the libraries that [`super::start`] would try.
#[must_use]
pub fn report() -> Report {
    let inspect = |candidate: Candidate| {
        let outcome = library::version(&candidate.path).map_err(|error| error.to_string());
        (candidate, outcome)
    };
    Report { libraries: search::candidates().into_iter().map(inspect).collect() }
}
