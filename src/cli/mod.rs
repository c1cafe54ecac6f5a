//! The command line: one file a verb.

mod arguments;
mod bench;
mod check;
mod child;
mod client;
mod completions;
mod doctor;
mod executors;
mod exit;
mod graph;
mod index;
mod logging;
mod new;
mod optional;
mod plugin;
mod run;
mod serve;
mod shorthand;
mod signals;

use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Verb};
pub use exit::Exit;

/// Does what the command line says. Nothing else in the program decides how it ends.
pub fn main() -> ExitCode {
    if let Some(role) = child::role(std::env::args_os()) {
        return child::child(role).unwrap_or_else(|error| failed(&error)).into();
    }
    child::adopt();
    let arguments = match Arguments::try_parse_from(shorthand::with_verb(std::env::args_os())) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are asked for and go to standard output; the rest is wrong usage.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            let _ = error.print();
            return exit.into();
        }
    };
    let log = logging::start(&arguments.common);
    if let Err(missing) = flowrun_index::check_processor() {
        return failed(&anyhow::anyhow!(missing)).into();
    }
    let verb = || match &arguments.verb {
        Verb::Run(options) => run::run(options, &log),
        Verb::Serve(options) => serve::serve(options, &log),
        Verb::Client(options) => client::client(options),
        Verb::Bench(options) => bench::bench(options),
        Verb::Check(options) => check::check(options),
        Verb::Graph(options) => graph::graph(options),
        Verb::Executors(options) => executors::executors(options),
        Verb::Index(options) => index::index(options),
        Verb::Plugin(options) => plugin::plugin(options),
        Verb::Doctor(options) => doctor::doctor(options),
        Verb::New(options) => new::new(options),
        Verb::Completions(options) => completions::completions(options),
    };
    let exit = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(verb)) {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => failed(&error),
        // The panic's message was logged when it happened.
        Err(_) => Exit::Bug,
    };
    exit.into()
}

/// How an error of the system around us ends the program. Whoever closes the pipe has read enough.
fn failed(error: &anyhow::Error) -> Exit {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<std::io::Error>());
    if io.is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe) {
        return Exit::Done;
    }
    let _ = std::io::Write::write_fmt(&mut std::io::stderr().lock(), format_args!("error: {error:#}\n"));
    Exit::Failed
}
