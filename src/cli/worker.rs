//! `flowrun worker`: one replica of one shard of a pod, or of a chain of pods, as a service for the gateways of its flow.

use std::net::IpAddr;

use anyhow::Context as _;
use clap::Args;
use flowrun_remote::Address;

use super::exit::{EarlyExit, Exit};
use super::flow_file::{FlowFile, FlowOptions};
use super::listen_options::ListenOptions;
use super::serve::serve_topology;
use crate::diagnostic::{Severity, did_you_mean};
use crate::gateway::LogStream;
use crate::topology::{Machine, Placement, Topology, Worker, WorkerIdentity, chain_members};

/// Options of `flowrun worker`.
#[derive(Debug, Args)]
pub(super) struct WorkerOptions {
    #[command(flatten)]
    flow: FlowOptions,
    /// Pod that the worker runs, or `POD+POD` for a chain of pods that share workers.
    #[arg(long, value_name = "NAME")]
    pod: String,
    /// Shard of the pod, from 0. Needed if it has several.
    #[arg(long, value_name = "N")]
    shard: Option<usize>,
    /// Replica of the shard, from 0. Needed if it has several.
    #[arg(long, value_name = "N")]
    replica: Option<usize>,
    #[command(flatten)]
    listen: ListenOptions,
}

/// Reads the flow and its placement, and serves the worker until a signal arrives.
pub(super) fn worker(options: &WorkerOptions, log: &LogStream) -> anyhow::Result<Exit> {
    let file = options.flow.read_worker(&options.pod);
    file.hide_values(launch(options, &file, log))
}

fn launch(options: &WorkerOptions, file: &FlowFile, log: &LogStream) -> anyhow::Result<Exit> {
    let flow = file.checked(Severity::Note)?;
    let needs_placement =
        || EarlyExit::usage("a worker needs the placement of its flow: add `--placement FILE`");
    let placement = file.placement.as_ref().ok_or_else(needs_placement)?;
    let worker = chosen_worker(options, placement).map_err(EarlyExit::usage)?;
    let identity = WorkerIdentity::new(flow, &options.pod, worker);
    let address = placement.address(&options.pod, worker).unwrap_or_default();
    let address: Address = address.parse().map_err(EarlyExit::usage)?;
    check_tls(&address, &options.listen)?;
    let topology = flow.of_worker(&options.pod, worker, placement, Machine::local());
    let topology = topology.with_context(|| format!("the flow has no worker for {identity}"))?;
    let topology = listening_at(topology, &address);
    let described =
        format!("the worker for {identity}, which the placement expects at {address}, could not be served");
    serve_topology(file, &topology, Some(identity), &options.listen, log).context(described)
}

/// The worker that the options name.
fn chosen_worker(options: &WorkerOptions, placement: &Placement) -> Result<Worker, String> {
    let pod = &options.pod;
    let Some(shards) = placement.pods.get(pod) else {
        let names = || placement.pods.keys().map(String::as_str);
        let chain = names().find(|name| chain_members(name).any(|member| member == pod.as_str()));
        let help = match (chain, did_you_mean(pod, names())) {
            (Some(chain), _) => format!("it shares workers: write `--pod {chain}`"),
            (None, Some(suggestion)) => suggestion,
            (None, None) => {
                let listed = names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                format!("it has workers for {listed}")
            }
        };
        return Err(format!("the placement has no workers for a pod `{pod}`; {help}"));
    };
    let shard = chosen(pod, "shard", options.shard, shards.len())?;
    let replica = chosen(pod, "replica", options.replica, shards.get(shard).map_or(0, Vec::len))?;
    Ok(Worker { shard, replica })
}

/// The number that was given for a shard or a replica; 0 if there is only one.
fn chosen(pod: &str, noun: &str, given: Option<usize>, count: usize) -> Result<usize, String> {
    let last = count.saturating_sub(1);
    match given {
        Some(number) if number > last => {
            Err(format!("`{pod}` has no {noun} {number}: `--{noun}` takes a number from 0 to {last}"))
        }
        None if count > 1 => {
            Err(format!("`{pod}` has {count} {noun}s: add `--{noun} N`, with N from 0 to {last}"))
        }
        given => Ok(given.unwrap_or(0)),
    }
}

/// Checks that the worker serves TLS if and only if its address states it.
fn check_tls(address: &Address, listen: &ListenOptions) -> Result<(), EarlyExit> {
    match (address.tls(), listen.has_certificate()) {
        (true, false) => Err(EarlyExit::usage(format_args!(
            "the placement expects TLS at {address}: add `--tls-cert FILE --tls-key FILE`"
        ))),
        (false, true) => Err(EarlyExit::usage(format_args!(
            "the placement expects no TLS at {address}: write `grpcs://{address}` there"
        ))),
        _ => Ok(()),
    }
}

/// The topology with the address that the worker listens on, unless options override it: the loopback address of the
/// placement, or its port on all interfaces of the address family (IPv4 for a name).
fn listening_at(mut topology: Topology, address: &Address) -> Topology {
    let host = match address.host().parse::<IpAddr>() {
        Ok(ip) if ip.is_loopback() => address.host(),
        Ok(IpAddr::V6(_)) => "::",
        Err(_) if address.host() == "localhost" => address.host(),
        _ => "0.0.0.0",
    };
    topology.gateway.host = Some(host.to_owned());
    topology.gateway.ports = vec![address.port()];
    topology
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_needed_only_if_there_are_several() {
        assert_eq!(chosen("a", "shard", None, 1), Ok(0));
        assert_eq!(chosen("a", "shard", Some(1), 2), Ok(1));
        let error = chosen("a", "shard", None, 2).unwrap_err();
        assert_eq!(error, "`a` has 2 shards: add `--shard N`, with N from 0 to 1");
        let error = chosen("a", "replica", Some(1), 1).unwrap_err();
        assert_eq!(error, "`a` has no replica 1: `--replica` takes a number from 0 to 0");
    }
}
