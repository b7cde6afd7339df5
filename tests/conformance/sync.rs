//! Sync: where the endpoints come from, where the next call starts, and what stays when it fails.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use etcd_client::capi::config::{ETCD_LOG_INFO, ETCD_SELECT_LEADER};
use etcd_client::capi::status::*;
use etcd_test_harness::{Client, Config, Context};
use etcd_test_support::{Gate, HangingListener, Place, Reply, Request, ScriptedServer, refused_endpoint};

use crate::log::Journal;
use crate::operations::success;

/// The body of `/v2/members`: one member per list of client URLs.
pub(crate) fn members(lists: &[&[String]]) -> Reply {
    let member = |(number, urls): (usize, &&[String])| {
        let urls: Vec<String> = urls.iter().map(|url| format!("{url:?}")).collect();
        format!(r#"{{"id":"{number:x}","name":"m{number}","peerURLs":[],"clientURLs":[{}]}}"#, urls.join(","))
    };
    let members: Vec<String> = lists.iter().enumerate().map(member).collect();
    Reply::json(200, &format!(r#"{{"members":[{}]}}"#, members.join(",")))
}

pub(crate) fn leader(urls: &[String]) -> Reply {
    let urls: Vec<String> = urls.iter().map(|url| format!("{url:?}")).collect();
    Reply::json(200, &format!(r#"{{"id":"1","name":"m","peerURLs":[],"clientURLs":[{}]}}"#, urls.join(",")))
}

/// Answers `/v2/members` with the first reply and everything else as a keys call.
fn member_server(reply: impl Fn() -> Reply + Send + 'static) -> ScriptedServer {
    ScriptedServer::by(move |request| match request.path() {
        "/v2/members" => reply(),
        _ => success(),
    })
}

fn plain_member() -> ScriptedServer {
    ScriptedServer::always(success())
}

fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list
}

fn gets(server: &ScriptedServer) -> usize {
    server.requests().iter().filter(|request: &&Request| request.path().starts_with("/v2/keys")).count()
}

// TestHTTPClusterClientSync: the union of all members' client URLs, and one plain GET on the wire.
#[test]
fn the_endpoints_become_the_client_urls_of_all_members() {
    let others: Vec<ScriptedServer> = (0..3).map(|_| plain_member()).collect();
    let urls: Vec<String> = others.iter().map(ScriptedServer::endpoint).collect();
    let advertised = urls.clone();
    let server = member_server(move || members(&[&advertised[..2], &[], &advertised[1..]]));
    let client = Client::of(&server.endpoint());
    client.sync().expect("a sync");
    let endpoints = client.endpoints();
    assert_eq!(sorted(endpoints[..3].to_vec()), sorted(urls.clone()));
    assert_eq!(endpoints[3], server.endpoint(), "the configured one stays as the last resort");
    let requests = server.requests();
    assert_eq!((requests.len(), requests[0].method.as_str(), requests[0].target.as_str()), (1, "GET", "/v2/members"));
    client.get("/k").expect("an advertised endpoint answers");
    assert_eq!((gets(&server), others.iter().map(gets).sum::<usize>()), (0, 1));
    client.set_endpoints(&urls[..1]).expect("set");
    assert_eq!(client.endpoints(), urls[..1], "endpoints that are set replace what a sync found");
}

// TestHTTPClusterClientSyncFail: the list stays.
#[test]
fn a_failed_sync_keeps_the_endpoints() {
    let cases = [
        (Reply::new(500), ETCD_ERR_CLUSTER),
        (Reply::hang_up(), ETCD_ERR_CLUSTER),
        (Reply::json(200, "{"), ETCD_ERR_INVALID_RESPONSE),
        (Reply::json(200, "[]"), ETCD_ERR_INVALID_RESPONSE),
        (Reply::json(200, "{}"), ETCD_ERR_NO_ENDPOINTS),
        (Reply::json(200, r#"{"members":null}"#), ETCD_ERR_NO_ENDPOINTS),
        (members(&[]), ETCD_ERR_NO_ENDPOINTS),
        (members(&[&[]]), ETCD_ERR_NO_ENDPOINTS),
        (members(&[&["ftp://a".into(), ":".into(), "localhost:1".into()]]), ETCD_ERR_NO_ENDPOINTS),
        (Reply::v2_off(), ETCD_ERR_API_NOT_SERVED),
    ];
    for (reply, status) in cases {
        let server = ScriptedServer::always(reply);
        let client = Client::of(&server.endpoint());
        let failure = client.sync().expect_err("a sync");
        assert_eq!(failure.status, status, "{failure:?}");
        assert_eq!(client.endpoints(), [server.endpoint()]);
    }
}

#[test]
fn an_advertised_url_that_cannot_be_used_is_left_out_with_a_warning() {
    let journal = Journal::new();
    let member = plain_member();
    let good = member.endpoint();
    let server = member_server(move || members(&[&["ftp://a".into(), good.clone()]]));
    let client = journal.on(Config::new(&[server.endpoint()]), ETCD_LOG_INFO).build();
    client.sync().expect("a sync");
    assert_eq!(client.endpoints(), [member.endpoint(), server.endpoint()]);
    let lines = journal.lines();
    assert!(lines.iter().any(|(_, line)| line.contains("left out") && line.contains("ftp://a")), "{lines:?}");
}

/// Three members that all tell the list of all.
fn three_members() -> (Vec<ScriptedServer>, Vec<String>) {
    let list: Arc<Mutex<Vec<String>>> = Arc::default();
    let told = [(); 3].map(|()| list.clone());
    let servers: Vec<ScriptedServer> =
        told.into_iter().map(|list| member_server(move || members(&[&list.lock().expect("the list")]))).collect();
    let urls: Vec<String> = servers.iter().map(ScriptedServer::endpoint).collect();
    list.lock().expect("the list").clone_from(&urls);
    (servers, urls)
}

// TestHTTPClusterClientSyncPinEndpoint: the same list, the same pin.
#[test]
fn a_sync_that_finds_the_same_endpoints_keeps_the_pin() {
    let (servers, urls) = three_members();
    let client = Client::of_all(&urls);
    let order = client.endpoints();
    for _ in 0..10 {
        client.sync().expect("a sync");
        client.get("/k").expect("an answer");
    }
    assert_eq!(client.endpoints(), order);
    let mut asked: Vec<usize> = servers.iter().map(gets).collect();
    asked.sort_unstable();
    assert_eq!(asked, [0, 0, 10]);
}

// TestHTTPClusterClientSyncUnpinEndpoint: another list, another draw.
#[test]
fn a_sync_that_finds_other_endpoints_shuffles_anew() {
    let extra: Vec<ScriptedServer> = (0..4).map(|_| plain_member()).collect();
    let urls: Vec<String> = extra.iter().map(ScriptedServer::endpoint).collect();
    let counter = AtomicUsize::new(0);
    let source = member_server(move || {
        // Two lists by turns.
        let round = counter.fetch_add(1, Ordering::Relaxed);
        members(&[&urls[..3 + round % 2]])
    });
    let client = Client::of(&source.endpoint());
    let mut first = HashSet::new();
    for _ in 0..40 {
        client.set_endpoints(&[source.endpoint()]).expect("set");
        client.sync().expect("a sync");
        first.insert(client.endpoints()[0].clone());
    }
    assert!(first.len() >= 3, "forty draws began with {first:?}");
}

// TestHTTPClusterClientSyncPinLeaderEndpoint: two syncs, two leaders.
#[test]
fn leader_mode_starts_at_the_leader_over_a_change_of_it() {
    let now = Arc::new(Mutex::new((Vec::<String>::new(), 0_usize)));
    let servers: Vec<ScriptedServer> = (0..3)
        .map(|_| {
            let now = now.clone();
            ScriptedServer::by(move |request| {
                let (urls, leading) = now.lock().expect("the script").clone();
                match request.path() {
                    "/v2/members" => members(&[&urls[..1], &urls[1..2], &urls[2..]]),
                    "/v2/members/leader" => leader(&["http://unknown.invalid:1".into(), urls[leading].clone()]),
                    _ => success(),
                }
            })
        })
        .collect();
    let urls: Vec<String> = servers.iter().map(ScriptedServer::endpoint).collect();
    let client = Config::new(&urls).selection_mode(ETCD_SELECT_LEADER).build();
    for leading in [1, 2, 0] {
        *now.lock().expect("the script") = (urls.clone(), leading);
        let before: Vec<usize> = servers.iter().map(gets).collect();
        client.sync().expect("a sync");
        assert_eq!(client.endpoints(), urls, "not shuffled");
        client.get("/k").expect("an answer");
        let after: Vec<usize> = servers.iter().map(gets).collect();
        let asked: Vec<usize> = before.iter().zip(&after).map(|(before, after)| after - before).collect();
        assert_eq!(asked[leading], 1, "{asked:?}, and {leading} leads");
    }
}

#[test]
fn leader_mode_without_a_leader_keeps_the_endpoints_and_says_why() {
    for (reply, words) in [
        (Reply::new(503), "no leader"),
        (leader(&[]), "not among the endpoints"),
        (leader(&["http://elsewhere.invalid:1".into()]), "elsewhere.invalid"),
        (Reply::json(200, "nonsense"), "nonsense"),
    ] {
        let other = plain_member();
        let url = other.endpoint();
        let server = ScriptedServer::by(move |request| match request.path() {
            "/v2/members" => members(&[std::slice::from_ref(&url)]),
            _ => reply.clone(),
        });
        // The new list begins with one that cannot say who leads; the configured one can.
        drop(other);
        let client = Config::new(&[server.endpoint()]).selection_mode(ETCD_SELECT_LEADER).build();
        let failure = client.sync().expect_err("no leader");
        assert_eq!(failure.status, ETCD_ERR_NO_LEADER_ENDPOINT, "{failure:?}");
        assert!(!failure.list.is_empty() && failure.message.contains(words), "{words}: {failure:?}");
        assert_eq!(client.endpoints(), [server.endpoint()]);
    }
}

#[test]
fn advertised_endpoints_that_cannot_be_reached_cost_later_calls_nothing() {
    let (refused, hanging) = (refused_endpoint(), HangingListener::new());
    let urls = [refused.endpoint(), hanging.endpoint()];
    let server = member_server(move || members(&[&urls]));
    let client = Client::of(&server.endpoint());
    client.sync().expect("a sync");
    assert_eq!(client.endpoints().len(), 3);
    for _ in 0..5 {
        let started = Instant::now();
        client.get("/k").expect("the configured endpoint answers");
        assert!(started.elapsed() < Duration::from_millis(1000), "{:?}", started.elapsed());
    }
    let started = Instant::now();
    client.sync().expect("nothing has changed");
    assert!(started.elapsed() < Duration::from_millis(1000), "{:?}", started.elapsed());
    client.get("/k").expect("the pin is where it was");
    assert_eq!(gets(&server), 6);
}

#[test]
fn an_advertised_place_where_something_else_answers_is_not_started_at() {
    let another = |reply: Reply| ScriptedServer::always(reply);
    let other_cluster = members(&[&["http://x:1".into()]]).header("X-Etcd-Cluster-ID", "beef");
    let strangers = [another(Reply::new(404)), another(Reply::json(200, "hello")), another(other_cluster)];
    let urls: Vec<String> = strangers.iter().map(ScriptedServer::endpoint).collect();
    let server = member_server(move || members(&[&urls]).header("X-Etcd-Cluster-ID", "cafe"));
    let client = Client::of(&server.endpoint());
    client.sync().expect("a sync");
    client.get("/k").expect("the configured endpoint answers");
    assert_eq!((gets(&server), strangers.iter().map(gets).sum::<usize>()), (1, 0));
}

#[test]
fn a_sync_with_little_time_left_does_not_fail_for_want_of_reachable_endpoints() {
    let hanging = HangingListener::new();
    let url = hanging.endpoint();
    let server = member_server(move || members(&[std::slice::from_ref(&url)]));
    let client = Client::of(&server.endpoint());
    client.sync_with(Some(&Context::with_timeout_ms(600))).expect("in time");
    client.get_with(Some(&Context::with_timeout_ms(300)), "/k", &Default::default()).expect("at the configured one");
}

#[test]
fn a_cancelled_sync_ends_at_once_and_changes_nothing() {
    let hanging = HangingListener::new();
    let url = hanging.endpoint();
    let server = member_server(move || members(&[std::slice::from_ref(&url)]));
    let silent = ScriptedServer::always(members(&[]).stall_at(Place::Start));
    for endpoint in [server.endpoint(), silent.endpoint()] {
        let client = Client::of(&endpoint);
        let context = Context::new();
        thread::scope(|scope| {
            let syncing = scope.spawn(|| client.sync_with(Some(&context)).expect_err("cancelled"));
            match endpoint == server.endpoint() {
                true => drop(server.wait_for_requests(1)),
                false => drop(silent.wait_for_requests(1)),
            }
            // In the middle of the connecting that follows the answer, or of the wait for the answer.
            thread::sleep(Duration::from_millis(100));
            let started = Instant::now();
            context.cancel();
            assert_eq!(syncing.join().expect("the sync").status, ETCD_ERR_CANCELED);
            assert!(started.elapsed() < Duration::from_millis(1000), "{:?}", started.elapsed());
        });
        assert_eq!(client.endpoints(), [endpoint]);
    }
}

#[test]
fn endpoints_set_while_a_sync_runs_win() {
    let gate = Gate::new();
    let other = plain_member();
    let (url, door) = (other.endpoint(), gate.clone());
    let server = member_server(move || members(&[std::slice::from_ref(&url)]).wait_at(Place::Start, &door));
    let client = Client::of(&server.endpoint());
    let mine = plain_member();
    thread::scope(|scope| {
        let syncing = scope.spawn(|| client.sync());
        server.wait_for_requests(1);
        client.set_endpoints(&[mine.endpoint()]).expect("set");
        gate.open();
        syncing.join().expect("the thread").expect("the sync itself is fine");
    });
    assert_eq!(client.endpoints(), [mine.endpoint()]);
}

#[test]
fn credentials_in_the_url_of_the_only_endpoint_go_along_to_what_it_advertises() {
    let other = plain_member();
    let url = other.endpoint();
    let server = member_server(move || members(&[std::slice::from_ref(&url)]));
    let client = Client::of(&server.endpoint().replace("http://", "http://u:p@"));
    client.sync().expect("a sync");
    client.get("/k").expect("an answer");
    assert_eq!(other.requests()[0].header("authorization"), Some("Basic dTpw"));
}
