//! `flowrun FLOW` as a shorthand for `flowrun run FLOW`.

use std::ffi::OsString;
use std::path::Path;

use crate::diagnostic::did_you_mean;

/// Options that other programs have as commands.
const OPTIONS: [&str; 2] = ["--help", "--version"];

/// Inserts `run` into the arguments if their first word is not a command of `grammar`.
///
/// # Errors
/// Describes a first word, or the word after `help`, that is neither a command nor looks like a file.
pub(super) fn with_command(
    arguments: impl Iterator<Item = OsString>,
    grammar: &clap::Command,
) -> Result<Vec<OsString>, String> {
    let mut arguments: Vec<OsString> = arguments.collect();
    let is_command =
        |word: &str| word == "help" || grammar.get_subcommands().any(|command| word == command.get_name());
    let mut words = arguments.iter().skip(1).map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        if !word.starts_with('-') || word == "-" {
            if word == "help" {
                // `help` itself takes commands only, so a file is no excuse.
                let topic = words.next().filter(|topic| !topic.starts_with('-') && !is_command(topic));
                if let Some(topic) = topic {
                    return Err(unknown("there is no command", &topic, grammar));
                }
            } else if !is_command(&word) {
                let path = Path::new(&*word);
                let is_word = path.extension().is_none() && path.components().count() == 1;
                if is_word && !path.exists() && word != "-" {
                    return Err(unknown("there is no command or file", &word, grammar));
                }
                arguments.insert(1, OsString::from("run"));
            }
            break;
        }
        if takes_value(&word, grammar) {
            words.next();
        }
    }
    Ok(arguments)
}

/// Message for a word that is not a command, with the most similar command or option.
fn unknown(what: &str, word: &str, grammar: &clap::Command) -> String {
    let option = format!("--{word}");
    let names = grammar.get_subcommands().map(clap::Command::get_name);
    let help = match OPTIONS.contains(&option.as_str()) {
        true => format!("did you mean `{option}`?"),
        false => {
            did_you_mean(word, names).unwrap_or_else(|| "`flowrun --help` lists the commands".to_owned())
        }
    };
    format!("{what} `{word}`; {help}")
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
            .unwrap()
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
    fn a_misspelt_command_is_not_taken_for_a_flow() {
        let error = |line: &str| {
            let words = line.split_whitespace().map(OsString::from);
            with_command(words, &Arguments::command()).unwrap_err()
        };
        assert_eq!(
            error("flowrun chek pass.yml"),
            "there is no command or file `chek`; did you mean `check`?"
        );
        assert_eq!(error("flowrun help grahp"), "there is no command `grahp`; did you mean `graph`?");
        assert_eq!(
            error("flowrun version"),
            "there is no command or file `version`; did you mean `--version`?"
        );
        assert_eq!(
            error("flowrun man"),
            "there is no command or file `man`; `flowrun --help` lists the commands"
        );
    }

    #[test]
    fn options_take_one_value_each_and_may_be_repeated() {
        for line in [
            "flowrun serve --port 8080 flow.yml",
            "flowrun serve --port 8080 --port 8081 flow.yml",
            "flowrun run -i a.gif flow.yml -i b.gif",
            "flowrun run flow.yml -i a.gif b.gif",
            "flowrun bench --input a.gif 127.0.0.1:8080",
            "flowrun check a.yml b.yml --format json",
        ] {
            Arguments::command().try_get_matches_from(line.split_whitespace()).unwrap();
        }
    }

    #[test]
    fn the_grammar_of_the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
