//! `attack PROGRAM [NAME…]`: runs the attacks of the table, or those whose names contain one of the given texts, and prints
//! the result of each. Exits with 1 if an attack that should be withstood succeeds, or if an attack cannot be run.
//!
//! Environment: `FLOWRUN_ATTACK_SECONDS`, the duration of each attack (default 6); `FLOWRUN_ATTACK_ADDRESS_SPACE`, to limit
//! the address space instead of the memory of a cgroup.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints its result")]

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use flowrun_attack::{ATTACKS, Attack, Form, HEADER, Judged, MemoryLimit, Service, measure, row};
use rustix::process::{Resource, getrlimit, setrlimit};

/// Memory that the service may use, in bytes.
const MEMORY_MAX: u64 = 1 << 30;

/// Variable that demands the limit of the address space, also where a cgroup can be created.
const ADDRESS_SPACE: &str = "FLOWRUN_ATTACK_ADDRESS_SPACE";

/// Default duration of an attack.
const SECONDS: u64 = 6;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(program) = arguments.next() else {
        eprintln!("usage: attack PROGRAM [NAME…]");
        return ExitCode::from(2);
    };
    let names: Vec<String> = arguments.collect();
    let seconds = std::env::var("FLOWRUN_ATTACK_SECONDS").ok().and_then(|text| text.parse().ok());
    let duration = Duration::from_secs(seconds.unwrap_or(SECONDS));
    raise_open_files();
    let limit = match memory_limit(Path::new(&program)) {
        Ok(limit) => limit,
        Err(error) => {
            eprintln!("{program} cannot be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("memory limit: {limit}\n\n{HEADER}");
    let selected = |attack: &&Attack| names.is_empty() || names.iter().any(|name| attack.name.contains(name));
    let mut breaches = 0;
    let mut running = None;
    for attack in ATTACKS.iter().filter(selected) {
        match run(Path::new(&program), &limit, &mut running, attack, duration) {
            Ok(held) => breaches += u32::from(!held && attack.open.is_none()),
            Err(error) => {
                println!(
                    "| {} | {} | {} | | | | | | | | **{error}** |",
                    attack.name, attack.sends, attack.bound
                );
                running = None;
                breaches += 1;
            }
        }
    }
    println!(
        "\n{breaches} of {} attacks broke a promise unexpectedly",
        ATTACKS.iter().filter(selected).count()
    );
    if breaches == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A cgroup, or a limit of the address space where none can be created.
fn memory_limit(program: &Path) -> std::io::Result<MemoryLimit> {
    let group = match std::env::var_os(ADDRESS_SPACE) {
        Some(_) => Err(std::io::Error::other(format!("{ADDRESS_SPACE} is set"))),
        None => MemoryLimit::group(MEMORY_MAX),
    };
    match group {
        Ok(group) => Ok(group),
        Err(error) => {
            let reserved = Service::start(program, None)?.reserved();
            let reason = format!("a cgroup cannot be created: {error}");
            Ok(MemoryLimit::address_space(MEMORY_MAX, reserved, reason))
        }
    }
}

/// Runs an attack against the running service, or a new one. Returns whether the promises were kept.
fn run(
    program: &Path,
    limit: &MemoryLimit,
    running: &mut Option<Service>,
    attack: &Attack,
    duration: Duration,
) -> std::io::Result<bool> {
    let mut service = match running.take() {
        Some(service) => service,
        None => Service::start(program, Some(limit))?,
    };
    let measured = measure(&mut service, attack, Form::Full, duration)?;
    println!("{}", row(attack, &measured));
    let held = measured.faults(Judged::All).is_empty();
    // The effects of a successful attack must not be charged to the next one.
    *running = held.then_some(service);
    Ok(held)
}

/// Raises the number of files that this process and its children may open to the maximum.
fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Fewer connections are possible if this fails, which the table shows.
    let _ = setrlimit(Resource::Nofile, limit);
}
