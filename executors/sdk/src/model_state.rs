//! State of an executor's model before the executor is started.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// State of an executor's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelState {
    /// The executor runs no model, or its model is not known.
    #[default]
    Unknown,
    /// The files of the model exist.
    Found,
    /// The flow requested built-in features in place of a model (`stand_in: true`).
    StandIn,
    /// Files of the model do not exist; the executor cannot be started.
    Missing(MissingModel),
}

/// Description of missing files of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingModel {
    /// The files, and the directories where they were searched for.
    pub reason: String,
    /// The remedy.
    pub help: String,
}

impl ModelState {
    /// State of a model that is one file.
    #[must_use]
    pub fn of_file(path: &Path) -> Self {
        match path.exists() {
            true => Self::Found,
            false => Self::Missing(MissingModel::file(path)),
        }
    }
}

impl MissingModel {
    /// Describes missing files. `reason` is a fragment: the files, and the directories where they were searched for.
    #[must_use]
    pub fn new(reason: impl fmt::Display) -> Self {
        let help = "docs/models.md describes how to export a model; `model_path` names its files";
        Self { reason: reason.to_string(), help: help.to_owned() }
    }

    /// Describes a file that does not exist.
    #[must_use]
    pub fn file(path: &Path) -> Self {
        Self::new(format_args!("{} does not exist", path.display()))
    }
}

impl From<MissingModel> for crate::BuildError {
    fn from(missing: MissingModel) -> Self {
        Self::failed(format_args!("{}; {}", missing.reason, missing.help))
    }
}
