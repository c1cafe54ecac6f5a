//! The command line: one file per command.
//!
//! This module composes the program: it connects the stages with the executor crates, the terminal and the process.
//! It is the only one that decides how the program exits.

mod arguments;
mod async_runtime;
mod bench;
mod check;
mod child_process;
mod client;
mod completions;
mod connection_options;
mod continuation_options;
mod diagnostics;
mod doctor;
mod executors;
mod exit;
mod flow_file;
mod graph;
mod index;
mod job_options;
mod job_report;
mod listen_options;
mod logging;
mod media_tools;
mod new;
mod optional;
mod plugin;
mod request_options;
mod run;
mod serve;
mod shorthand;
mod shutdown;
mod tables;
mod terminal;
mod value_parsers;
mod worker;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

use arguments::{Arguments, Command};
use exit::EarlyExit;
pub use exit::Exit;

/// Runs the command that the command line names.
pub fn main() -> ExitCode {
    if let Some(role) = child_process::role(std::env::args_os()) {
        return child_process::run(role).unwrap_or_else(|error| exit_of_error(&error)).into();
    }
    child_process::register_program();
    let arguments = match shorthand::with_command(std::env::args_os(), &Arguments::command()) {
        Ok(arguments) => arguments,
        Err(reason) => return exit_of_error(&EarlyExit::usage(reason).into()).into(),
    };
    let grammar = Arguments::command().color(terminal::clap_color(&arguments));
    let parsed = grammar.try_get_matches_from(arguments);
    let arguments = match parsed.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(error) => {
            // `--help` and `--version` are errors to clap, printed to standard output.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            let _ = error.print();
            return exit.into();
        }
    };
    arguments.log.apply_style();
    let log = logging::start(&arguments.log);
    if let Err(missing) = flowrun_index::check_processor() {
        return exit_of_error(&anyhow::anyhow!(missing)).into();
    }
    let command = || match &arguments.command {
        Command::Run(options) => run::run(options, &log),
        Command::Serve(options) => serve::serve(options, &log),
        Command::Worker(options) => worker::worker(options, &log),
        Command::Client(options) => client::client(options),
        Command::Bench(options) => bench::bench(options),
        Command::Check(options) => check::check(options),
        Command::Graph(options) => graph::graph(options),
        Command::Executors(options) => executors::executors(options),
        Command::Index(options) => index::index(options),
        Command::Plugin(options) => plugin::plugin(options),
        Command::Doctor(options) => doctor::doctor(options),
        Command::New(options) => new::new(options),
        Command::Completions(options) => completions::completions(options, Arguments::command()),
    };
    let exit = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(command)) {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => exit_of_error(&error),
        // The panic hook has logged the message.
        Err(_) => Exit::Bug,
    };
    exit.into()
}

/// Prints an error and returns the exit status. A closed pipe is not an error: its reader has read enough.
fn exit_of_error(error: &anyhow::Error) -> Exit {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<std::io::Error>());
    if io.is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe) {
        return Exit::Done;
    }
    let (exit, reported) = match error.downcast_ref::<EarlyExit>() {
        Some(EarlyExit { exit, message }) => (*exit, message.is_empty()),
        None => (Exit::Failed, false),
    };
    if !reported {
        let _ = terminal::print_error(&message(error));
    }
    exit
}

/// The error and its causes, without causes that the text before them ends with.
fn message(error: &anyhow::Error) -> String {
    let mut message = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if message.is_empty() {
            message = cause;
        } else if !message.ends_with(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    message
}
