//! Servers that answer by a script, the same one for both clients.

mod cases;
mod differences;

use etcd_test_harness::Client;
use etcd_test_support::{Reply, ScriptedServer};

use crate::answer::Answer;
use crate::differences::Counts;
use crate::go_client::GoClient;
use crate::operation::{Operation, PrevExist, SetOptions};
use crate::wire::Wire;
use cases::CASES;
use differences::{Difference, TO_ODD_ANSWERS};

/// One for each way in which a call may or may not be sent again.
fn operations() -> Vec<(&'static str, Operation)> {
    let key = || "/a".to_owned();
    let value = || "v".to_owned();
    let set = |options| Operation::Set { key: key(), value: value(), options };
    let none = SetOptions::default;
    vec![
        ("get", Operation::Get { key: key(), recursive: false, sort: false, quorum: false }),
        ("set", set(none())),
        ("create", Operation::Create { key: key(), value: value() }),
        ("update", Operation::Update { key: key(), value: value() }),
        ("compare-and-swap", set(SetOptions { prev_value: Some("old".into()), ttl_ms: Some(500), ..none() })),
        ("refresh", set(SetOptions { refresh: true, prev_exist: PrevExist::Exist, ttl_ms: Some(1), ..none() })),
        ("directory", set(SetOptions { dir: true, ..none() })),
        ("in-order create", Operation::CreateInOrder { key: key(), value: value(), ttl_ms: None }),
        (
            "delete",
            Operation::Delete {
                key: key(),
                prev_value: Some("old".into()),
                prev_index: 0,
                recursive: false,
                dir: true,
            },
        ),
    ]
}

/// What a client made of a case.
#[derive(Debug)]
struct Outcome {
    answer: Answer,
    wires: Vec<Wire>,
}

fn wires(server: &ScriptedServer) -> Vec<Wire> {
    server.requests().iter().map(|request| Wire::of(request, &server.endpoint())).collect()
}

#[test]
fn odd_answers_mean_the_same_to_both_clients() {
    let Some(mut go) = GoClient::start() else { return };
    let (mut counts, mut seen) = (Counts::default(), [0; TO_ODD_ANSWERS.len()]);
    for case in CASES {
        for (name, operation) in operations() {
            let (our_server, go_server) = (ScriptedServer::by(case.reply), ScriptedServer::by(case.reply));
            let answer = operation.run(&Client::of(&our_server.endpoint()));
            let ours = Outcome { answer, wires: wires(&our_server) };
            let answer = counts.our_answer(&operation, go.ask(&[go_server.endpoint()], &operation));
            let wires = counts.our_wires(&operation, wires(&go_server));
            let go = Outcome { answer, wires };
            match TO_ODD_ANSWERS.iter().position(|difference| difference.is_about(case.name, name)) {
                Some(position) => {
                    seen[position] += 1;
                    check(&TO_ODD_ANSWERS[position], &ours, &go, &format!("{name}, {}", case.name));
                }
                None => {
                    assert_eq!(ours.wires, go.wires, "ours and Go's on the wire: {name}, {}", case.name);
                    assert_eq!(ours.answer, go.answer, "ours and Go's answer: {name}, {}", case.name);
                }
            }
        }
    }
    for (difference, seen) in TO_ODD_ANSWERS.iter().zip(seen) {
        assert_ne!(seen, 0, "no case shows this difference: {}", difference.reason);
    }
}

#[test]
fn a_failing_endpoint_is_left_for_the_next_one_by_what_is_safe_to_send_again() {
    let Some(mut go) = GoClient::start() else { return };
    for (name, operation) in operations() {
        for reply in [Reply::new(503), Reply::hang_up()] {
            let pair = || [(); 2].map(|()| ScriptedServer::always(reply.clone()));
            let endpoints = |servers: &[ScriptedServer; 2]| servers.each_ref().map(ScriptedServer::endpoint).to_vec();
            let requests = |servers: &[ScriptedServer; 2]| servers.iter().map(|server| server.requests().len()).sum();
            let (our_servers, go_servers) = (pair(), pair());
            operation.run(&Client::of_all(&endpoints(&our_servers)));
            go.ask(&endpoints(&go_servers), &operation);
            let sent: (usize, usize) = (requests(&our_servers), requests(&go_servers));
            let expected = match name {
                "get" | "set" => (2, 2),
                "create" | "delete" => (1, 1),
                // Go sends them again, and makes false 101s and doubled queue entries of them.
                _ => (1, 2),
            };
            assert_eq!(sent, expected, "ours and Go's requests: {name}");
        }
    }
}

/// The difference is just the listed one.
fn check(difference: &Difference, ours: &Outcome, go: &Outcome, what: &str) {
    let is = (ours.answer.class(), go.answer.class());
    let shown = format!("{what}: {}\nours {ours:#?}\nGo's {go:#?}", difference.reason);
    assert_eq!(is, (difference.ours, difference.go), "{shown}");
    assert!((difference.requests)(&ours.wires, &go.wires), "{shown}");
}
