//! Style of the program's messages: colours, and text or JSON lines on standard error.
//!
//! The style is set once from the command line, before a command runs. Results on standard output are not affected,
//! apart from their colours.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write as _};
use std::sync::OnceLock;
use std::time::SystemTime;

use clap::ValueEnum;
use serde_json::{Map, Value, json};

/// Use of colours in messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set or TERM is `dumb`.
    #[default]
    Auto,
    /// Always, also into files and pipes.
    Always,
    /// Never.
    Never,
}

/// Options that concern the style.
#[derive(Clone, Copy, Debug, Default)]
struct Style {
    color: ColorChoice,
    json: bool,
    quiet: bool,
}

static STYLE: OnceLock<Style> = OnceLock::new();

/// Sets the style for the rest of the process. `json`: every line of standard error is a JSON object; `quiet`: without
/// progress and summaries.
pub(super) fn set_style(color: ColorChoice, json: bool, quiet: bool) {
    // Fails only if the style is set already, as in tests.
    let _ = STYLE.set(Style { color, json, quiet });
}

fn style() -> Style {
    STYLE.get().copied().unwrap_or_default()
}

/// Returns whether every line of standard error must be a JSON object.
pub(super) fn is_json() -> bool {
    style().json
}

/// Returns whether progress and summaries are left out.
pub(super) fn is_quiet() -> bool {
    style().quiet
}

/// Returns whether text on `stream` has colours.
pub(super) fn has_colour(stream: &impl IsTerminal) -> bool {
    colour_for(style().color, stream.is_terminal(), |name| std::env::var_os(name).map(Into::into))
}

fn colour_for(
    choice: ColorChoice,
    terminal: bool,
    variable: impl Fn(&str) -> Option<std::path::PathBuf>,
) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        // https://no-color.org: an empty value does not count.
        ColorChoice::Auto => {
            let no_color = variable("NO_COLOR").is_some_and(|value| !value.as_os_str().is_empty());
            let dumb = variable("TERM").is_some_and(|value| value.as_os_str() == "dumb");
            terminal && !no_color && !dumb
        }
    }
}

/// The colours of help texts and errors of usage, which are printed before the arguments are parsed.
pub(super) fn clap_color(arguments: &[OsString]) -> clap::ColorChoice {
    let mut values = arguments.iter().enumerate().filter_map(|(position, argument)| {
        let argument = argument.to_str()?;
        match argument.strip_prefix("--color")? {
            "" => arguments.get(position + 1)?.to_str(),
            value => value.strip_prefix('='),
        }
    });
    match values.next_back() {
        Some("always") => clap::ColorChoice::Always,
        Some("never") => clap::ColorChoice::Never,
        _ => clap::ColorChoice::Auto,
    }
}

/// Prints an error to standard error: `error: MESSAGE`, or a JSON line.
pub(super) fn print_error(message: &str) -> io::Result<()> {
    let mut err = io::stderr().lock();
    match is_json() {
        true => writeln!(err, "{}", json_line("ERROR", message, Map::new())),
        false => writeln!(err, "error: {message}"),
    }
}

/// JSON object of a log line, with the time in UTC.
pub(super) fn json_line(level: &str, message: &str, fields: Map<String, Value>) -> Value {
    let time = prost_types::Timestamp::from(SystemTime::now());
    let mut line = json!({ "timestamp": time.to_string(), "level": level, "message": message });
    if let Some(line) = line.as_object_mut() {
        line.extend(fields);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_usage_obey_the_last_color_option() {
        let color = |line: &str| clap_color(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert_eq!(color("flowrun --color never --x"), clap::ColorChoice::Never);
        assert_eq!(color("flowrun --color=never --color=always"), clap::ColorChoice::Always);
        assert_eq!(color("flowrun --colorful"), clap::ColorChoice::Auto);
    }

    #[test]
    fn colours_obey_the_option_then_no_color_then_the_terminal() {
        let unset = |_: &str| None;
        let set = |wanted: &'static str, value: &'static str| {
            move |name: &str| (name == wanted).then(|| value.into())
        };
        assert!(colour_for(ColorChoice::Auto, true, unset));
        assert!(!colour_for(ColorChoice::Auto, false, unset));
        assert!(!colour_for(ColorChoice::Auto, true, set("NO_COLOR", "1")));
        assert!(colour_for(ColorChoice::Auto, true, set("NO_COLOR", "")));
        assert!(!colour_for(ColorChoice::Auto, true, set("TERM", "dumb")));
        assert!(colour_for(ColorChoice::Always, false, set("NO_COLOR", "1")));
        assert!(!colour_for(ColorChoice::Never, true, unset));
    }
}
