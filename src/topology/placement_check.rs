//! Compares a placement file with a planned flow.

use std::collections::HashMap;

use flowrun_sdk::{Catalog, Fact, RawParameters};
use serde_json::json;

use super::{InputPort, Placement, PodPlan, Topology, chain_members};
use crate::diagnostic::{Code, Diagnostic, Report, Span, Spanned, did_you_mean};
use crate::spec::{PlacedPod, PlacementSpec, REMOTE_EXECUTOR, Strategy};

/// Compares `spec` with the flow that is planned as `topology`, and reports every contradiction. Returns the placement of the
/// pods without one. `catalog` has the executor that calls workers, which checks their addresses.
pub fn check_placement(
    spec: &PlacementSpec,
    topology: &Topology,
    catalog: &Catalog,
    report: &mut Report,
) -> Placement {
    let mut placement = Placement { ca: spec.ca.clone(), token: spec.token.clone(), ..Placement::default() };
    let mut used: HashMap<String, Span> = HashMap::new();
    let mut placed_pods: HashMap<&str, Span> = HashMap::new();
    for placed in &spec.pods {
        let mut found: Vec<Diagnostic> = Vec::new();
        let mut members: Vec<(usize, &PodPlan)> = Vec::new();
        for name in chain_members(&placed.name.value) {
            let position = topology.pods.iter().position(|pod| pod.name == name && !pod.name.contains('/'));
            match position.and_then(|position| Some((position, topology.pods.get(position)?))) {
                None => found.push(unknown_pod(name, placed.name.span, topology)),
                Some((position, pod)) => {
                    let strategy = topology.spans.pod(position).map(|spans| spans.strategy);
                    found.extend(obstacle(pod, placed, strategy));
                    members.push((position, pod));
                }
            }
            found.extend(placed_twice(name, placed.name.span, &mut placed_pods));
        }
        if found.is_empty() {
            let broken = broken_chain(placed, &members);
            found.extend(broken.or_else(|| members.first().and_then(|(_, pod)| shape(pod, placed))));
        }
        for address in placed.shards.iter().flatten() {
            found.extend(invalid_address(address, catalog));
            found.extend(taken_address(address, &mut used));
        }
        if found.is_empty() {
            let texts =
                |shard: &Vec<Spanned<String>>| shard.iter().map(|address| address.value.clone()).collect();
            placement.pods.insert(placed.name.value.clone(), placed.shards.iter().map(texts).collect());
        }
        found.into_iter().for_each(|diagnostic| report.push(diagnostic));
    }
    placement
}

fn unknown_pod(name: &str, span: Span, topology: &Topology) -> Diagnostic {
    let names = || topology.pods.iter().map(|pod| pod.name.as_str()).filter(|name| !name.contains('/'));
    let message = format!("the flow `{}` has no pod `{name}`", topology.name);
    let help = did_you_mean(name, names())
        .unwrap_or_else(|| format!("its pods are `{}`", names().collect::<Vec<_>>().join("`, `")));
    Diagnostic::at(Code::UnknownPlacedPod, span, message).help(help)
}

/// A pod that another entry places, too.
fn placed_twice<'a>(name: &'a str, span: Span, placed: &mut HashMap<&'a str, Span>) -> Option<Diagnostic> {
    let first = placed.insert(name, span)?;
    let twice = Diagnostic::at(Code::PlacementMismatch, span, format!("`{name}` is placed twice"));
    Some(twice.label(first, "the other entry").help("name each pod in one entry only"))
}

/// The reason why the pods of a chain cannot share workers.
fn broken_chain(placed: &PlacedPod, members: &[(usize, &PodPlan)]) -> Option<Diagnostic> {
    let ((_, first), [_, ..]) = members.split_first()? else { return None };
    let of_pod = |pod: &PodPlan| {
        let name = &pod.name;
        if pod.shards > 1 {
            Some(format!("`{name}` has {} shards, which the gateway calls one by one", pod.shards))
        } else if pod.when.is_some() {
            Some(format!("`{name}` has `when`, which the gateway applies"))
        } else if pod.replicas != first.replicas {
            Some(format!(
                "`{}` and `{name}` have different numbers of replicas, {} and {}",
                first.name, first.replicas, pod.replicas
            ))
        } else {
            None
        }
    };
    let of_edge = |pair: &[(usize, &PodPlan)]| {
        let [(_, pod), (next, following)] = pair else { return None };
        let leads_only_there = pod.outputs == [InputPort { pod: Some(*next), input: 0 }];
        (!leads_only_there || following.inputs != 1).then(|| {
            format!("`{}` is not the only pod after `{}`, or needs other pods too", following.name, pod.name)
        })
    };
    let reason = members.iter().find_map(|(_, pod)| of_pod(pod));
    let reason = reason.or_else(|| members.windows(2).find_map(of_edge))?;
    let message = format!("the pods of `{}` cannot share workers: {reason}", placed.name.value);
    let help = "write one entry per pod, each with addresses of its own";
    Some(Diagnostic::at(Code::NotPlaceable, placed.name.span, message).help(help))
}

/// The reason why a pod cannot run on workers.
fn obstacle(pod: &PodPlan, placed: &PlacedPod, strategy: Option<Span>) -> Option<Diagnostic> {
    let plan = pod.executor.as_ref()?;
    let name = &pod.name;
    let at_pod = |code, reason: &str| {
        Diagnostic::at(code, placed.name.span, format!("`{name}` cannot run on workers: {reason}"))
    };
    if plan.components.iter().any(|component| component.executor.name() == REMOTE_EXECUTOR) {
        let refused = at_pod(Code::NotPlaceable, "its executor is remote already");
        return Some(refused.help("its addresses are in the flow file: remove it from the placement"));
    }
    if pod.description.stores_documents && pod.replicas > 1 {
        let reason = format!(
            "it stores documents in {} replicas, which would have to apply the same writes in the same order",
            pod.replicas
        );
        let help = "replicated storage needs a log, which flowrun does not have: write `replicas: 1`, or run the pod in the \
                    gateway";
        return Some(at_pod(Code::ReplicatedStorage, &reason).help(help));
    }
    if pod.when.is_some() && pod.description.endpoints == Fact::Unknown {
        let reason = "its `when` applies to the endpoints that it handles, which are known only to the running executor";
        return Some(at_pod(Code::NotPlaceable, reason).help("remove `when`, or run the pod in the gateway"));
    }
    if pod.shards == 1 {
        return None;
    }
    let (reason, help) = if pod.strategy != Strategy::Hash {
        (
            "its `strategy` depends on the documents that each shard stores, which workers do not report",
            "write `strategy: hash`, or run the pod in the gateway",
        )
    } else if pod.polling.has_relevant() {
        (
            "`polling: RELEVANT` depends on the documents that each shard stores, which workers do not report",
            "write `polling: ALL`, or run the pod in the gateway",
        )
    } else if pod.description.ranking == Fact::Unknown {
        (
            "the order of its matches, by which the answers of shards are merged, is known only to the running executor",
            "write `shards: 1`, or run the pod in the gateway",
        )
    } else if pod.description.stores_documents && !plan.is_single() {
        (
            "it stores documents in several components, whose requests to all shards only the running executor knows",
            "write `shards: 1`, or run the pod in the gateway",
        )
    } else {
        return None;
    };
    let refused = at_pod(Code::NotPlaceable, reason).help(help);
    Some(match strategy.filter(|_| pod.strategy != Strategy::Hash) {
        Some(span) => refused.label(span, "the strategy"),
        None => refused,
    })
}

/// The difference between the shards and replicas of a pod and its addresses.
fn shape(pod: &PodPlan, placed: &PlacedPod) -> Option<Diagnostic> {
    let count = |number: usize, noun: &str| format!("{number} {noun}{}", if number == 1 { "" } else { "s" });
    let (name, shards) = (&pod.name, placed.shards.len());
    let differs = |span, message: String| Diagnostic::at(Code::PlacementMismatch, span, message);
    if pod.shards > 1 && !placed.lists_shards {
        let message =
            format!("`{name}` has {}, but the placement has no list per shard", count(pod.shards, "shard"));
        return Some(
            differs(placed.span, message).help("write `[[HOST:PORT], [HOST:PORT]]`: a list per shard"),
        );
    }
    if shards != pod.shards {
        let message = format!(
            "`{name}` has {}, but the placement has the addresses of {}",
            count(pod.shards, "shard"),
            count(shards, "shard")
        );
        return Some(differs(placed.span, message).help("write one list per shard"));
    }
    let (shard, addresses) =
        placed.shards.iter().enumerate().find(|(_, addresses)| addresses.len() != pod.replicas)?;
    let of_shard = if pod.shards > 1 { format!(" of shard {shard}") } else { String::new() };
    let message = format!(
        "`{name}` has {}, but the placement has {}{of_shard}",
        count(pod.replicas, "replica"),
        match addresses.len() {
            1 => "1 address".to_owned(),
            number => format!("{number} addresses"),
        }
    );
    let help = format!("write one address per replica, or `replicas: {}` in the flow", addresses.len());
    let help = if pod.description.stores_documents { "write one address per shard".to_owned() } else { help };
    Some(differs(addresses.first().map_or(placed.span, |address| address.span), message).help(help))
}

/// A text that is not the address of one worker.
fn invalid_address(address: &Spanned<String>, catalog: &Catalog) -> Option<Diagnostic> {
    let mut with = RawParameters::new();
    with.insert("addresses".to_owned(), json!([address.value]));
    let is_valid = catalog.get(REMOTE_EXECUTOR).is_none_or(|executor| executor.check(&with).is_empty());
    if is_valid && !address.value.contains(',') {
        return None;
    }
    let message = format!("`{}` is not the address of a worker", address.value);
    let help = "write `HOST:PORT`, or `grpcs://HOST:PORT` for TLS";
    Some(Diagnostic::at(Code::InvalidAddress, address.span, message).help(help))
}

/// An address that another worker has already.
fn taken_address(address: &Spanned<String>, used: &mut HashMap<String, Span>) -> Option<Diagnostic> {
    let authority = address.value.split_once("://").map_or(address.value.as_str(), |(_, rest)| rest);
    let first = used.insert(authority.trim_end_matches('/').to_owned(), address.span)?;
    let message = format!("two workers have the address `{}`", address.value);
    let taken = Diagnostic::at(Code::AddressTaken, address.span, message);
    Some(taken.label(first, "the other worker").help("give each replica of each shard an address of its own"))
}
