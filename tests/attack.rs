//! Attacks on the program, in a short form: the process does not end, its memory is bounded, healthy clients are served, and the
//! stored documents are unchanged. `make attack` runs the full form against a release build, and judges latencies too.

use std::path::Path;
use std::time::Duration;

use flowrun_attack::{ATTACKS, Form, Judged, Service, measure};

/// Duration of each attack.
const DURATION: Duration = Duration::from_millis(500);

/// Runs the attacks of a group that are withstood.
fn withstands(group: &str) {
    let start = || Service::start(Path::new(env!("CARGO_BIN_EXE_flowrun")), None).unwrap();
    let mut service = start();
    let (mut attacks, mut faults) = (0, Vec::new());
    for attack in ATTACKS.iter().filter(|attack| attack.group == group && attack.open.is_none()) {
        let measured = measure(&mut service, attack, Form::Short, DURATION).unwrap();
        attacks += 1;
        let found = measured.faults(Judged::WithoutLatency);
        if !found.is_empty() {
            // The effects of a successful attack must not be charged to the next one.
            service = start();
            faults.push(format!("{}: {}", attack.name, found.join("; ")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(attacks > 0, "no attack of the group `{group}` is withstood");
}

#[test]
fn connections_that_send_little_do_not_block_other_clients() {
    withstands("connections");
}

#[test]
fn json_that_is_large_when_decoded_costs_no_more_than_its_bound() {
    withstands("json");
}

#[test]
fn grpc_messages_that_are_large_when_decoded_cost_no_more_than_their_bound() {
    withstands("protobuf");
}

#[test]
fn methods_without_admission_are_bounded() {
    withstands("control");
}

#[test]
fn http2_frames_do_not_block_other_clients() {
    withstands("http2");
}

#[test]
fn websocket_frames_do_not_block_other_clients() {
    withstands("websocket");
}

#[test]
fn clients_that_do_not_read_are_bounded() {
    withstands("readers");
}

#[test]
fn pages_of_other_origins_change_nothing() {
    withstands("browsers");
}

#[test]
fn every_attack_belongs_to_a_test() {
    let text = include_str!("attack.rs");
    for attack in ATTACKS {
        assert!(text.contains(&format!("withstands(\"{}\")", attack.group)), "{}", attack.group);
    }
}
