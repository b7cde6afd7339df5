//! The connection breaks at each byte of the request and at each byte of the answer: no call may say of its write what
//! is not so, and none may be carried out twice that must not.

use std::fmt;

use etcd_client::capi::status::*;
use etcd_test_harness::{Client, Config, Delete, Failure, Get, Set};
use etcd_test_support::{Cut, Place, Reply, Request, ScriptedServer};

use crate::operations::Effect::{self, OneShot, PlainSet, Read};

struct Operation {
    name: &'static str,
    effect: Effect,
    /// Requests of the same call that come before the one that counts.
    before: usize,
    run: fn(&Client) -> Result<(), Failure>,
}

const fn of_one_request(name: &'static str, effect: Effect, run: fn(&Client) -> Result<(), Failure>) -> Operation {
    Operation { name, effect, before: 0, run }
}

const OPERATIONS: &[Operation] = &[
    of_one_request("get", Read, |c| c.get_with(None, "/k", &Get::default()).map(drop)),
    of_one_request("set", PlainSet, |c| c.set("/k", "v").map(drop)),
    of_one_request("create", OneShot, |c| c.create("/k", "v").map(drop)),
    of_one_request("update", OneShot, |c| c.update("/k", "v").map(drop)),
    of_one_request("compare-and-swap by index", OneShot, |c| {
        c.set_with(None, "/k", "v", &Set { prev_index: 7, ..Set::default() }).map(drop)
    }),
    of_one_request("compare-and-swap by value", OneShot, |c| {
        c.set_with(None, "/k", "v", &Set { prev_value: Some("u"), ..Set::default() }).map(drop)
    }),
    of_one_request("compare-and-delete", OneShot, |c| {
        c.delete_with(None, "/k", &Delete { prev_index: 7, ..Delete::default() }).map(drop)
    }),
    of_one_request("delete", OneShot, |c| c.delete("/k").map(drop)),
    of_one_request("delete a directory", OneShot, |c| {
        c.delete_with(None, "/k", &Delete { dir: true, recursive: true, ..Delete::default() }).map(drop)
    }),
    of_one_request("create in order", OneShot, |c| c.create_in_order("/k", "v", None).map(drop)),
    of_one_request("add a member", OneShot, |c| c.members_add(None, "http://a:1").map(drop)),
    Operation { name: "add a user", effect: OneShot, before: 1, run: |c| c.auth().user_add("bob", "secret") },
];

const NODE: &str = r#"{"action":"get","node":{"key":"/k","value":"v"}}"#;
const MEMBER: &str = r#"{"id":"1","name":"a","peerURLs":["http://a:1"],"clientURLs":["http://a:2"]}"#;
const USER: &str = r#"{"user":"bob","roles":[]}"#;
const NO_USER: &str = r#"{"message":"auth: User bob does not exist."}"#;

/// What makes each of the operations succeed.
fn success(request: &Request) -> Reply {
    let status_and_body = match (request.method.as_str(), request.path()) {
        ("GET", "/v2/auth/users/bob") => (404, NO_USER),
        (_, "/v2/auth/users/bob") => (201, USER),
        (_, "/v2/members") => (201, MEMBER),
        _ => (200, NODE),
    };
    Reply::json(status_and_body.0, status_and_body.1)
}

/// The one request that counts, and its answer, when nothing breaks.
fn whole(operation: &Operation) -> (Request, usize) {
    let server = ScriptedServer::by(success);
    (operation.run)(&Client::of(&server.endpoint())).expect(operation.name);
    let request = server.requests().pop().expect("a request");
    let length = success(&request).length();
    (request, length)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    /// After so many bytes of the request.
    Request(usize),
    /// After so many bytes of the answer.
    Answer(usize),
}

struct Case<'a> {
    operation: &'a Operation,
    /// The length of the request.
    whole: usize,
    breaks: Where,
    by_reset: bool,
    /// Whether the connection has carried a request before.
    is_reused: bool,
    /// Whether there is another endpoint, which is well.
    has_other: bool,
}

impl fmt::Display for Case<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}, broken at {:?} of {} by {}, {} connection, {}",
            self.operation.name,
            self.breaks,
            self.whole,
            if self.by_reset { "a reset" } else { "a clean end" },
            if self.is_reused { "reused" } else { "fresh" },
            if self.has_other { "another endpoint" } else { "no other endpoint" },
        )
    }
}

impl Case<'_> {
    /// Requests that are answered before the connection breaks.
    fn answered(&self) -> usize {
        usize::from(self.is_reused) + self.operation.before
    }

    fn server(&self) -> ScriptedServer {
        let (answered, is_reused) = (self.answered(), self.is_reused);
        let (breaks, by_reset) = (self.breaks, self.by_reset);
        let mut come = 0;
        let answer = move |request: &Request| {
            come += 1;
            let reply = success(request);
            match breaks {
                _ if come <= answered && is_reused => reply,
                _ if come <= answered => reply.closing(),
                Where::Answer(count) if by_reset => reply.reset_at(Place::AfterBytes(count)),
                Where::Answer(count) => reply.close_at(Place::AfterBytes(count)),
                Where::Request(_) => panic!("{request:?} came whole and unbroken"),
            }
        };
        let cut = move |come: usize| match breaks {
            Where::Request(after) if come >= answered => Some(Cut { after, by_reset }),
            _ => None,
        };
        ScriptedServer::cutting(cut, answer)
    }

    /// Runs the call and gives it to be judged with the number of whole requests that came to the broken endpoint and to
    /// the other one.
    fn check(&self) {
        let (broken, other) = (self.server(), ScriptedServer::by(success));
        let mut endpoints = vec![broken.endpoint()];
        if self.has_other {
            endpoints.push(other.endpoint());
        }
        let client = Client::starting_at_first(|| Config::new(&endpoints), &endpoints[0]);
        if self.is_reused {
            client.get("/warm").unwrap_or_else(|failure| panic!("{self}: {failure:?}"));
        }
        let result = (self.operation.run)(&client);
        let came = (broken.requests().len() - self.answered(), other.requests().len());
        self.judge(&result, came);
    }

    fn judge(&self, result: &Result<(), Failure>, (at_broken, at_other): (usize, usize)) {
        let told = result.as_ref().map_err(|failure| (failure.status, failure.statuses(), failure.outcome));
        let effect = self.operation.effect;
        let says = |status, outcome| told == Err((status, vec![ETCD_ERR_IO], outcome));
        let is_honest = match (effect, self.has_other) {
            (Read | PlainSet, true) => told == Ok(&()) && at_other == 1,
            (Read, false) => says(ETCD_ERR_CLUSTER, ETCD_NOT_APPLIED),
            (PlainSet, false) => says(ETCD_ERR_CLUSTER, ETCD_MAYBE_APPLIED),
            (OneShot, _) => says(ETCD_ERR_IO, ETCD_MAYBE_APPLIED) && at_other == 0,
        };
        // Who ends before anything was read may have ended before anything was written, and then all may go on.
        let untouched = self.breaks == Where::Request(0)
            && match self.has_other {
                true => told == Ok(&()) && at_other == 1,
                false => told.is_err_and(|(status, list, outcome)| {
                    // A reset may come so early that the client had no connection at all.
                    let is_nobody = list == [ETCD_ERR_IO] || list == [ETCD_ERR_CONNECT];
                    (status, outcome) == (ETCD_ERR_CLUSTER, ETCD_NOT_APPLIED) && is_nobody
                }),
            };
        assert!(is_honest || untouched, "{self}: {result:?}, {at_broken} requests came whole, {at_other} to the other");
        let no_answer_began = matches!(self.breaks, Where::Answer(0) | Where::Request(_));
        let copies = match self.breaks {
            Where::Request(count) if count < self.whole => 0,
            // A kept connection that ends without a word is no reason to fail: what may be sent again is.
            _ if self.is_reused && no_answer_began && effect != OneShot => 2,
            _ => 1,
        };
        assert_eq!(at_broken, copies, "{self}: so many requests came whole: {result:?}");
    }
}

/// Both with and without another endpoint at each place; how it breaks, and on which connection, takes turns from place to
/// place, since neighbours differ in nothing else.
fn break_everywhere(operations: &[Operation], of_request: bool) {
    for operation in operations {
        let (request, answer) = whole(operation);
        let places = if of_request { 0..request.raw.len() + 1 } else { 0..answer };
        let last = places.end - 1;
        for place in places {
            for kind in 0..8_usize {
                if (kind + place) % 4 != 0 && place != 0 && place != last {
                    continue;
                }
                let breaks = if of_request { Where::Request(place) } else { Where::Answer(place) };
                let (by_reset, is_reused, has_other) = (kind & 1 != 0, kind & 2 != 0, kind & 4 != 0);
                Case { operation, whole: request.raw.len(), breaks, by_reset, is_reused, has_other }.check();
            }
        }
    }
}

#[test]
fn a_connection_that_breaks_at_any_byte_of_a_request_leads_to_no_lie() {
    break_everywhere(OPERATIONS, true);
}

#[test]
fn a_connection_that_breaks_at_any_byte_of_an_answer_leads_to_no_lie() {
    break_everywhere(OPERATIONS, false);
}

// A value so large that the kernel cannot take it at once: the connection breaks while the client still writes.
#[test]
fn a_request_that_breaks_while_it_is_written_may_have_been_applied_and_goes_nowhere_else() {
    let large = "x".repeat(8 << 20);
    for after in [1, 100, 4096, 1 << 20] {
        for by_reset in [false, true] {
            let broken = ScriptedServer::cutting(move |_| Some(Cut { after, by_reset }), success);
            let other = ScriptedServer::by(success);
            let endpoints = [broken.endpoint(), other.endpoint()];
            let client = Client::starting_at_first(|| Config::new(&endpoints), &endpoints[0]);
            let failure = client.create("/k", &large).expect_err("cut off");
            let told = (failure.status, failure.outcome, other.requests().len());
            assert_eq!(told, (ETCD_ERR_IO, ETCD_MAYBE_APPLIED, 0), "{after} bytes, {by_reset}: {failure:?}");
            let client = Client::starting_at_first(|| Config::new(&endpoints), &endpoints[0]);
            client.set("/k", &large).expect("the other endpoint takes it");
            assert_eq!((broken.requests().len(), other.requests().len()), (0, 1), "{after} bytes, {by_reset}");
        }
    }
}
