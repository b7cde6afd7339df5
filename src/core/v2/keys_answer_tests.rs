use super::*;
use crate::core::response::{Action, Expiration, Node, Span};

fn answer(http_status: u16, headers: &[(Name, &str)], body: &str) -> Answer {
    Answer {
        http_status,
        headers: headers.iter().copied().collect(),
        body: bytes::Bytes::copy_from_slice(body.as_bytes()),
    }
}

fn decoded(body: &str) -> Result<Response> {
    decode(&answer(200, &[(Name::EtcdIndex, "7")], body), "http://h", Effect::Read)
}

fn text(response: &Response, span: Span) -> &str {
    std::str::from_utf8(response.text(span)).expect("UTF-8")
}

#[test]
fn a_node_with_everything_is_read() {
    let body = r#"{"action":"get","node":{"key":"/a","value":"b\u003c\u00e9\u0000","createdIndex":4,"modifiedIndex":5,
        "ttl":97,"expiration":"2014-09-10T09:38:48.123Z","new":{"x":[1]}},"prevNode":{"key":"/p","dir":true}}"#;
    let headers = [(Name::EtcdIndex, "42"), (Name::EtcdClusterId, "cdf818194e3a8c32")];
    let response = decode(&answer(200, &headers, body), "http://h", Effect::Read).expect("decoded");
    assert_eq!((response.action(), response.index()), (Action::Get, 42));
    assert_eq!(response.cluster_id(), b"cdf818194e3a8c32");
    let node = response.node().expect("a node");
    assert_eq!((text(&response, node.key), text(&response, node.value)), ("/a", "b<é\0"));
    assert_eq!((node.created_index, node.modified_index, response.ttl(node)), (4, 5, 97));
    assert_eq!(response.expiration(node), Some(Expiration { unix_seconds: 1_410_341_928, nanoseconds: 123_000_000 }));
    assert!(response.prev_node().expect("a previous node").is_dir);
}

#[test]
fn children_of_children_keep_their_order() {
    let body = r#"{"action":"get","node":{"dir":true,"nodes":[
        {"key":"/a","dir":true,"nodes":[{"key":"/a/1"},{"key":"/a/2","dir":true,"nodes":[{"key":"/a/2/x"}]}]},
        {"key":"/b"},{"key":"/c","dir":true,"nodes":[]}]}}"#;
    let response = decoded(body).expect("decoded");
    fn list(response: &Response, node: &Node, into: &mut Vec<String>) {
        into.push(text(response, node.key).to_owned());
        response.nodes()[response.children(node)].iter().for_each(|child| list(response, child, into));
    }
    let mut keys = Vec::new();
    list(&response, response.node().expect("a node"), &mut keys);
    assert_eq!(keys, ["", "/a", "/a/1", "/a/2", "/a/2/x", "/b", "/c"]);
}

#[test]
fn an_answer_without_a_node_is_fine() {
    let response = decoded(r#"{"action":"set"}"#).expect("decoded");
    assert_eq!((response.action(), response.node(), response.index()), (Action::Set, None, 7));
}

#[test]
fn an_unknown_action_keeps_its_name() {
    let response = decoded(r#"{"action":"resurrect"}"#).expect("decoded");
    assert_eq!((response.action(), response.action_name()), (Action::Unknown, &b"resurrect"[..]));
}

#[test]
fn what_makes_no_sense_is_an_invalid_response() {
    let cases = [
        "garbage",
        "<html>",
        "[]",
        "null",
        "{}",
        r#"{"action":""}"#,
        r#"{"action":"get"}{}"#,
        r#"{"action":"get","node":"#,
        r#"{"action":7}"#,
        r#"{"action":"get","node":[]}"#,
        r#"{"action":"get","node":{"ttl":"x"}}"#,
        r#"{"action":"get","node":{"expiration":"soon"}}"#,
        r#"{"Action":"get"}"#,
        r#"{"action":"get","node":{"createdIndex":-1}}"#,
    ];
    for body in cases {
        assert_eq!(decoded(body).expect_err(body).status(), Status::InvalidResponse, "{body}");
    }
}

#[test]
fn nulls_are_absent_values_as_in_go() {
    let body = r#"{"action":"get","node":{"key":null,"value":null,"dir":null,"nodes":null,"ttl":null,"expiration":null},"prevNode":null}"#;
    let response = decoded(body).expect("decoded");
    assert_eq!(response.node(), Some(&Node { has_value: true, ..Node::default() }));
}

#[test]
fn an_empty_body_has_its_own_status() {
    assert_eq!(decoded("").expect_err("empty").status(), Status::EmptyBody);
}

#[test]
fn a_bad_index_header_is_an_invalid_response_whose_write_happened() {
    let answer = answer(201, &[(Name::EtcdIndex, "many")], r#"{"action":"create"}"#);
    let error = decode(&answer, "http://h", Effect::OneShotWrite).expect_err("bad index");
    assert_eq!((error.status(), error.outcome()), (Status::InvalidResponse, Outcome::Applied));
}

#[test]
fn an_index_is_what_go_takes_for_a_number() {
    let index = |header: &str| index_of(&answer(200, &[(Name::EtcdIndex, header)], ""));
    for (header, number) in [("", 0), ("0", 0), ("007", 7), ("18446744073709551615", u64::MAX)] {
        assert_eq!(index(header), Ok(number));
    }
    for header in ["+1", "-1", "1.0", "0x1", "1 2", "18446744073709551616", "99999999999999999999999"] {
        assert_eq!(index(header), Err(header.to_owned()));
    }
}

#[test]
fn a_write_with_a_senseless_answer_may_have_happened() {
    let error = decode(&answer(200, &[], "<html>"), "http://h", Effect::OneShotWrite).expect_err("no JSON");
    assert_eq!(error.outcome(), Outcome::MaybeApplied);
}

#[test]
fn a_tree_deeper_than_the_stack_is_read_and_written() {
    let (depth, open) = (3000, r#"{"key":"/d","dir":true,"nodes":["#);
    let body = format!(r#"{{"action":"get","node":{}{{"key":"/leaf"}}{}}}"#, open.repeat(depth), "]}".repeat(depth));
    // Without optimisation 128 levels take about 300 KB, and the whole tree would take 10 MB.
    let small = std::thread::Builder::new().stack_size(512 << 10).spawn(move || {
        let response = decoded(&body).expect("decoded");
        let json = String::from_utf8(crate::core::response_json::json(&response).expect("room")).expect("UTF-8");
        (response.nodes().len(), json.matches("\"nodes\":[").count())
    });
    assert_eq!(small.expect("a thread").join().expect("no overflow"), (depth, depth));
}

#[test]
fn nesting_without_end_is_an_error_and_no_stack_overflow() {
    let body = format!(r#"{{"action":"get","node":{}"#, r#"{"nodes":["#.repeat(100_000));
    assert_eq!(decoded(&body).expect_err("deep").status(), Status::InvalidResponse);
}

#[test]
fn every_cut_of_an_answer_is_an_error_and_no_panic() {
    let body = r#"{"action":"get","node":{"key":"/a","value":"\u00e9","nodes":[{"key":"/a/b","ttl":1}]}}"#;
    for end in 0..body.len() {
        assert!(decoded(&body[..end]).is_err(), "{end}");
    }
}
