//! `flowrun FLOW` is short for `flowrun run FLOW`.

use std::ffi::OsString;

use super::arguments::Arguments;

/// The arguments with `run` put in where the first word is no verb: `flowrun FLOW` is short for `flowrun run FLOW`.
pub(super) fn with_verb(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.collect();
    let command = <Arguments as clap::CommandFactory>::command();
    let is_verb =
        |word: &str| word == "help" || command.get_subcommands().any(|verb| word == verb.get_name());
    let mut words = arguments.iter().skip(1).map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        if !word.starts_with('-') || word == "-" {
            if !is_verb(&word) {
                arguments.insert(1, OsString::from("run"));
            }
            break;
        }
        if takes_next(&word, &command) {
            words.next();
        }
    }
    arguments
}

/// Whether the word behind this option is its value. Options that stand before the verb may be those of `run`.
fn takes_next(option: &str, command: &clap::Command) -> bool {
    let named = |argument: &&clap::Arg| match option.strip_prefix("--") {
        Some(long) => argument.get_long() == Some(long),
        // Of several letters the last one may take a value.
        None => argument.get_short().is_some_and(|short| option.ends_with(short)),
    };
    let run = command.find_subcommand("run");
    let mut arguments = command.get_arguments().chain(run.into_iter().flat_map(clap::Command::get_arguments));
    arguments.find(named).is_some_and(|argument| argument.get_action().takes_values())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_verb_of(line: &str) -> String {
        let words = line.split_whitespace().map(OsString::from);
        let words: Vec<String> =
            with_verb(words).into_iter().map(|word| word.into_string().unwrap()).collect();
        words.join(" ")
    }

    #[test]
    fn a_flow_without_a_verb_is_run() {
        assert_eq!(with_verb_of("flowrun flow.yml -k 3"), "flowrun run flow.yml -k 3");
        assert_eq!(with_verb_of("flowrun --lenient flow.yml"), "flowrun run --lenient flow.yml");
        assert_eq!(with_verb_of("flowrun --log-format json f.yml"), "flowrun run --log-format json f.yml");
        assert_eq!(with_verb_of("flowrun -i check flow.yml"), "flowrun run -i check flow.yml");
        for line in [
            "flowrun check flow.yml",
            "flowrun --verbose graph flow.yml",
            "flowrun --log-format json check flow.yml",
            "flowrun --log-format=json check flow.yml",
            "flowrun --help",
            "flowrun",
            "flowrun help",
        ] {
            assert_eq!(with_verb_of(line), line);
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }
}
