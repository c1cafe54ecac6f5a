//! The child process of a trial: opens one model and exits.

use std::ffi::OsString;
use std::path::PathBuf;

use super::{Options, open};
use crate::runtime;

/// Entry point of the child: opens the model given by the arguments, which are its path, then input, axis and size of each
/// axis to fix.
///
/// # Errors
/// The reason why the model does not open; the child must print it to standard error and exit with 2.
pub fn run_trial_child(mut arguments: impl Iterator<Item = OsString>) -> Result<(), String> {
    let path = PathBuf::from(arguments.next().unwrap_or_default());
    let mut sizes = Vec::new();
    let mut text = || arguments.next().map(|argument| argument.to_string_lossy().into_owned());
    while let (Some(input), Some(axis), Some(size)) = (text(), text(), text()) {
        sizes.push((input, axis.parse().unwrap_or_default(), size.parse().unwrap_or_default()));
    }
    let runtime = runtime::start().map_err(|error| error.to_string())?;
    let opened = open::open_in_process(&path, &Options { sizes, ..Options::default() }, runtime);
    opened.map(drop).map_err(|error| error.to_string())
}
