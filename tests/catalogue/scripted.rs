//! A scripted server in the place of the fake transports of Go's tests.

use etcd_test_harness::{Client, Config, Failure, Response};
use etcd_test_support::{Reply, Request, ScriptedServer};

pub(crate) type Answer = Result<Response, Failure>;

/// An answer that every keys call accepts.
pub(crate) fn accepted() -> Reply {
    Reply::etcd(200, 7, r#"{"action":"get","node":{"key":"/foo","value":"bar","modifiedIndex":7,"createdIndex":7}}"#)
}

/// An answer of etcd's, with no header but the index.
pub(crate) fn indexed(http_status: u16, index: &str, body: &str) -> Reply {
    Reply::json(http_status, body).header("X-Etcd-Index", index)
}

/// What a call makes of an answer.
pub(crate) fn of_answer<T>(reply: Reply, call: impl FnOnce(&Client) -> T) -> T {
    let server = ScriptedServer::always(reply);
    call(&Client::of(&server.endpoint()))
}

/// The one request that a call sends to a server below `prefix`.
pub(crate) fn sent_below(prefix: &str, call: impl FnOnce(&Client) -> Answer) -> Request {
    let server = ScriptedServer::always(accepted());
    let client = Config::new(&[server.endpoint()]).keys_prefix(prefix).build();
    call(&client).expect("accepted");
    <[Request; 1]>::try_from(server.requests()).expect("one request")[0].clone()
}

/// The one request that a call sends.
pub(crate) fn sent(call: impl FnOnce(&Client) -> Answer) -> Request {
    sent_below("/v2/keys", call)
}

/// Method, target, Content-Type and body.
pub(crate) fn parts(request: &Request) -> (&str, &str, Option<&str>, &str) {
    (&request.method, &request.target, request.header("content-type"), request.text())
}

/// A client of two servers that asks the first one first.
pub(crate) fn client_of(first: &str, second: &str) -> Client {
    let endpoints = [first.to_owned(), second.to_owned()];
    Client::starting_at_first(|| Config::new(&endpoints), first)
}

/// How many requests each of two servers got.
pub(crate) fn counts(servers: &[ScriptedServer; 2]) -> [usize; 2] {
    servers.each_ref().map(|server| server.requests().len())
}
