//! `flowrun FLOW` as a shorthand for `flowrun run FLOW`.

use std::ffi::OsString;

/// Inserts `run` into the arguments if their first word is not a command of `grammar`.
pub(super) fn with_command(
    arguments: impl Iterator<Item = OsString>,
    grammar: &clap::Command,
) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.collect();
    let is_command =
        |word: &str| word == "help" || grammar.get_subcommands().any(|command| word == command.get_name());
    let mut words = arguments.iter().skip(1).map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        if !word.starts_with('-') || word == "-" {
            if !is_command(&word) {
                arguments.insert(1, OsString::from("run"));
            }
            break;
        }
        if takes_value(&word, grammar) {
            words.next();
        }
    }
    arguments
}

/// Returns whether the word after this option is its value. Options before the command may also be those of `run`.
fn takes_value(option: &str, grammar: &clap::Command) -> bool {
    let matches = |argument: &&clap::Arg| match option.strip_prefix("--") {
        Some(long) => argument.get_long() == Some(long),
        // In a group of short options such as `-vi`, the last one may take a value.
        None => argument.get_short().is_some_and(|short| option.ends_with(short)),
    };
    let run = grammar.find_subcommand("run");
    let mut arguments = grammar.get_arguments().chain(run.into_iter().flat_map(clap::Command::get_arguments));
    arguments.find(matches).is_some_and(|argument| argument.get_action().takes_values())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::arguments::Arguments;

    fn expanded(line: &str) -> String {
        let words = line.split_whitespace().map(OsString::from);
        let words: Vec<String> = with_command(words, &Arguments::command())
            .into_iter()
            .map(|word| word.into_string().unwrap())
            .collect();
        words.join(" ")
    }

    #[test]
    fn a_flow_without_a_command_is_run() {
        assert_eq!(expanded("flowrun flow.yml -k 3"), "flowrun run flow.yml -k 3");
        assert_eq!(expanded("flowrun --lenient flow.yml"), "flowrun run --lenient flow.yml");
        assert_eq!(expanded("flowrun --log-format json f.yml"), "flowrun run --log-format json f.yml");
        assert_eq!(expanded("flowrun -i check flow.yml"), "flowrun run -i check flow.yml");
        for line in [
            "flowrun check flow.yml",
            "flowrun --verbose graph flow.yml",
            "flowrun --log-format json check flow.yml",
            "flowrun --log-format=json check flow.yml",
            "flowrun --help",
            "flowrun",
            "flowrun help",
        ] {
            assert_eq!(expanded(line), line);
        }
    }

    #[test]
    fn the_grammar_of_the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
