//! Environment variables that child processes must not inherit, because they contain tokens of the host.

use std::process::Command;
use std::sync::OnceLock;

/// Variable with the token of flowrun's gateway. It is always hidden.
pub const TOKEN_VARIABLE: &str = "FLOWRUN_TOKEN";

/// Other hidden variables.
static HIDDEN: OnceLock<Vec<String>> = OnceLock::new();

/// Adds variables that [`remove_hidden_variables`] removes, besides [`TOKEN_VARIABLE`]. Only the first call has an effect.
pub fn hide_variables(names: Vec<String>) {
    let _ = HIDDEN.set(names);
}

/// Removes the hidden variables from the environment of `command`.
pub fn remove_hidden_variables(command: &mut Command) {
    command.env_remove(TOKEN_VARIABLE);
    HIDDEN.get().into_iter().flatten().for_each(|name| _ = command.env_remove(name));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_does_not_inherit_hidden_variables() {
        hide_variables(vec!["READ_TOKEN".to_owned()]);
        let mut command = Command::new("true");
        remove_hidden_variables(&mut command);
        let removed: Vec<_> = command.get_envs().filter(|(_, value)| value.is_none()).collect();
        assert_eq!(removed, [("FLOWRUN_TOKEN".as_ref(), None), ("READ_TOKEN".as_ref(), None)]);
    }
}
