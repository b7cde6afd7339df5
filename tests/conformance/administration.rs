//! Every call of the members and auth APIs, and what is promised for all of them.

use etcd_client::capi::status::*;
use etcd_test_harness::{Client, Config, Context, Failure};
use etcd_test_support::{Place, Reply, Request, ScriptedServer, refused_endpoint};

type Run = fn(&Client, Option<&Context>) -> Result<(), Failure>;

pub(crate) struct Call {
    pub(crate) name: &'static str,
    /// Method and target of its last request.
    line: &'static str,
    body: &'static str,
    success: (u16, &'static str),
    pub(crate) status: i32,
    run: Run,
}

impl Call {
    fn is_write(&self) -> bool {
        !self.line.starts_with("GET")
    }

    /// A server where the call succeeds unless `answer` has something to say about its last request.
    fn server(&self, answer: impl Fn() -> Option<Reply> + Send + 'static) -> ScriptedServer {
        let (last, (status, body)) = (self.line, self.success);
        ScriptedServer::by(move |request| {
            if line(request) != last {
                return Reply::json(404, r#"{"message":"auth: User bob does not exist."}"#);
            }
            answer().unwrap_or_else(|| Reply::json(status, body))
        })
    }
}

fn line(request: &Request) -> String {
    format!("{} {}", request.method, request.target)
}

const MEMBER: &str = r#"{"id":"1","name":"a","peerURLs":["http://a:1"],"clientURLs":["http://a:2"]}"#;
const USER: &str = r#"{"user":"bob","roles":[]}"#;
const ROLE: &str = r#"{"role":"r","permissions":{"kv":{"read":null,"write":null}}}"#;

pub(crate) const CALLS: &[Call] = &[
    Call {
        name: "members list",
        line: "GET /v2/members",
        body: "",
        success: (200, r#"{"members":[]}"#),
        status: ETCD_ERR_MEMBERS,
        run: |c, x| c.members_list(x).map(drop),
    },
    Call {
        name: "members leader",
        line: "GET /v2/members/leader",
        body: "",
        success: (200, MEMBER),
        status: ETCD_ERR_MEMBERS,
        run: |c, x| c.members_leader(x).map(drop),
    },
    Call {
        name: "members add",
        line: "POST /v2/members",
        body: r#"{"peerURLs":["http://a:1"]}"#,
        success: (201, MEMBER),
        status: ETCD_ERR_MEMBERS,
        run: |c, x| c.members_add(x, " http://a:1 ").map(drop),
    },
    Call {
        name: "members remove",
        line: "DELETE /v2/members/1",
        body: "",
        success: (204, ""),
        status: ETCD_ERR_MEMBERS,
        run: |c, x| c.members_remove(x, "1"),
    },
    Call {
        name: "members update",
        line: "PUT /v2/members/1",
        body: r#"{"peerURLs":["http://a:1","http://b:1"]}"#,
        success: (204, ""),
        status: ETCD_ERR_MEMBERS,
        run: |c, x| c.members_update(x, "1", &["http://b:1", " http://a:1"]),
    },
    Call {
        name: "auth enable",
        line: "PUT /v2/auth/enable",
        body: "",
        success: (200, ""),
        status: ETCD_ERR_AUTH,
        run: |c, x| c.auth_with(x).enable(),
    },
    Call {
        name: "auth disable",
        line: "DELETE /v2/auth/enable",
        body: "",
        success: (200, ""),
        status: ETCD_ERR_AUTH,
        run: |c, x| c.auth_with(x).disable(),
    },
    Call {
        name: "auth status",
        line: "GET /v2/auth/enable",
        body: "",
        success: (200, r#"{"enabled":true}"#),
        status: ETCD_ERR_AUTH,
        run: |c, x| c.auth_with(x).status().map(drop),
    },
    Call {
        name: "user add",
        line: "PUT /v2/auth/users/bob",
        body: r#"{"user":"bob","password":"p\u003c\u0026w","roles":null}"#,
        success: (201, USER),
        status: ETCD_ERR_AUTH,
        run: |c, x| c.auth_with(x).user_add("bob", "p<&w"),
    },
    Call {
        name: "user change password",
        line: "PUT /v2/auth/users/bob",
        body: concat!(
            r#"{"user":"bob","password":"pw","roles":null,"#,
            r#""grant":["libetcd_client-no-such-role"],"revoke":["libetcd_client-no-such-role"]}"#
        ),
        success: (200, USER),
        status: ETCD_ERR_AUTH,
        run: |c, x| c.auth_with(x).user_change_password("bob", "pw"),
    },
    Call {
        name: "user remove",
        line: "DELETE /v2/auth/users/bob",
        body: "",
        success: (200, ""),
        status: ETCD_ERR_AUTH,
        run: |c, x| c.auth_with(x).user_remove("bob"),
    },
    Call {
        name: "user get",
        line: "GET /v2/auth/users/bob",
        body: "",
        success: (200, USER),
        status: ETCD_ERR_AUTH,
        run: |c, x| c.auth_with(x).user_get("bob").map(drop),
    },
    Call {
        name: "user list",
        line: "GET /v2/auth/users",
        body: "",
        success: (200, r#"{"users":null}"#),
        status: ETCD_ERR_AUTH,
        run: |c, x| c.auth_with(x).user_list().map(drop),
    },
    Call {
        name: "user grant",
        line: "PUT /v2/auth/users/bob",
        body: r#"{"user":"bob","roles":null,"grant":["r","s"]}"#,
        success: (200, USER),
        status: ETCD_ERR_AUTH,
        run: |c, x| c.auth_with(x).user_grant("bob", &["r", "s"]),
    },
    Call {
        name: "user revoke",
        line: "PUT /v2/auth/users/bob",
        body: r#"{"user":"bob","roles":null,"revoke":["r"]}"#,
        success: (200, USER),
        status: ETCD_ERR_AUTH,
        run: |c, x| c.auth_with(x).user_revoke("bob", &["r"]),
    },
    Call {
        name: "role add",
        line: "PUT /v2/auth/roles/r",
        body: ROLE,
        success: (201, ROLE),
        status: ETCD_ERR_AUTH,
        run: |c, x| c.auth_with(x).role_add("r"),
    },
    Call {
        name: "role remove",
        line: "DELETE /v2/auth/roles/r",
        body: "",
        success: (200, ""),
        status: ETCD_ERR_AUTH,
        run: |c, x| c.auth_with(x).role_remove("r"),
    },
    Call {
        name: "role get",
        line: "GET /v2/auth/roles/r",
        body: "",
        success: (200, ROLE),
        status: ETCD_ERR_AUTH,
        run: |c, x| c.auth_with(x).role_get("r").map(drop),
    },
    Call {
        name: "role list",
        line: "GET /v2/auth/roles",
        body: "",
        success: (200, r#"{"roles":null}"#),
        status: ETCD_ERR_AUTH,
        run: |c, x| c.auth_with(x).role_list().map(drop),
    },
    Call {
        name: "role grant",
        line: "PUT /v2/auth/roles/r",
        body: concat!(
            r#"{"role":"r","permissions":{"kv":{"read":null,"write":null}},"#,
            r#""grant":{"kv":{"read":["/a/*","/b"],"write":null}}}"#
        ),
        success: (200, ROLE),
        status: ETCD_ERR_AUTH,
        run: |c, x| c.auth_with(x).role_grant("r", &["/a/*", "/b"], 0),
    },
    Call {
        name: "role revoke",
        line: "PUT /v2/auth/roles/r",
        body: concat!(
            r#"{"role":"r","permissions":{"kv":{"read":null,"write":null}},"#,
            r#""revoke":{"kv":{"read":["/a"],"write":["/a"]}}}"#
        ),
        success: (200, ROLE),
        status: ETCD_ERR_AUTH,
        run: |c, x| c.auth_with(x).role_revoke("r", &["/a"], 2),
    },
];

fn last(server: &ScriptedServer) -> Request {
    server.requests().pop().expect("a request")
}

/// How many times the server got the call's last request.
fn count(server: &ScriptedServer, call: &Call) -> usize {
    server.requests().iter().filter(|request| line(request) == call.line).count()
}

#[test]
fn the_wire_is_that_of_go() {
    for call in CALLS {
        let server = call.server(|| None);
        (call.run)(&Client::of(&server.endpoint()), None).expect(call.name);
        let request = last(&server);
        assert_eq!((&*line(&request), request.text()), (call.line, call.body), "{}", call.name);
        // As Go's, the two lists say what they would send if they sent something.
        let is_list = matches!(call.name, "user list" | "role list");
        let content_type = (!call.body.is_empty() || is_list).then_some("application/json");
        assert_eq!(request.header("content-type"), content_type, "{}", call.name);
    }
}

#[test]
fn the_path_of_an_endpoint_comes_first() {
    for call in CALLS {
        let (status, body) = call.success;
        let server = ScriptedServer::by(move |request| match request.method.as_str() {
            "GET" if status == 201 => Reply::json(404, r#"{"message":"auth: User bob does not exist."}"#),
            _ => Reply::json(status, body),
        });
        (call.run)(&Client::of(&format!("{}/pfx/", server.endpoint())), None).expect(call.name);
        let expected = call.line.replace(" /v2", " /pfx/v2");
        assert_eq!(line(&last(&server)), expected, "{}", call.name);
    }
}

#[test]
fn every_request_has_the_credentials() {
    for call in CALLS {
        let server = call.server(|| None);
        let client = Config::new(&[server.endpoint()]).credentials("user", "pass").build();
        (call.run)(&client, None).expect(call.name);
        for request in server.requests() {
            assert_eq!(request.header("authorization"), Some("Basic dXNlcjpwYXNz"), "{}", call.name);
        }
    }
}

#[test]
fn a_write_that_may_have_been_acted_on_is_never_sent_twice() {
    let endings: [(fn() -> Reply, i32); 4] = [
        (|| Reply::new(500), ETCD_ERR_HTTP_STATUS),
        (|| Reply::json(503, r#"{"message":"During election"}"#), ETCD_ERR_NO_LEADER),
        (|| Reply::hang_up(), ETCD_ERR_IO),
        (|| Reply::json(200, "{\"user\":\"bob\"}").close_at(Place::MidBody), ETCD_ERR_IO),
    ];
    for call in CALLS.iter().filter(|call| call.is_write()) {
        for (ending, status) in endings {
            let servers = [call.server(move || Some(ending())), call.server(move || Some(ending()))];
            let client = Client::of_all(&[servers[0].endpoint(), servers[1].endpoint()]);
            let failure = (call.run)(&client, None).expect_err(call.name);
            assert_eq!((failure.status, failure.outcome), (status, ETCD_MAYBE_APPLIED), "{}", call.name);
            assert_eq!(count(&servers[0], call) + count(&servers[1], call), 1, "{}", call.name);
        }
    }
}

#[test]
fn a_read_goes_on_to_the_next_endpoint() {
    for call in CALLS.iter().filter(|call| !call.is_write()) {
        let servers = [call.server(|| Some(Reply::new(503))), call.server(|| None)];
        let endpoints = [servers[0].endpoint(), servers[1].endpoint()];
        let client = Client::starting_at_first(|| Config::new(&endpoints), &endpoints[0]);
        (call.run)(&client, None).expect(call.name);
        let failing = Client::of(&endpoints[0]);
        let failure = (call.run)(&failing, None).expect_err(call.name);
        assert_eq!((failure.status, failure.outcome), (ETCD_ERR_CLUSTER, ETCD_NOT_APPLIED), "{}", call.name);
        assert_eq!(failure.statuses(), [ETCD_ERR_NO_LEADER], "{}", call.name);
    }
}

#[test]
fn what_never_went_out_goes_to_the_next_endpoint() {
    let refused = refused_endpoint();
    for call in CALLS {
        let server = call.server(|| None);
        let endpoints = [refused.endpoint(), server.endpoint()];
        let client = Client::starting_at_first(|| Config::new(&endpoints), &endpoints[0]);
        (call.run)(&client, None).expect(call.name);
        let failure = (call.run)(&Client::of(&refused.endpoint()), None).expect_err(call.name);
        assert_eq!((failure.status, failure.outcome), (ETCD_ERR_CLUSTER, ETCD_NOT_APPLIED), "{}", call.name);
    }
}

#[test]
fn a_refusal_has_the_servers_words_and_was_not_applied() {
    for call in CALLS {
        for (http_status, words) in [(403, "Cannot do that"), (409, "membership: peerURL exists"), (405, "No")] {
            let server = call.server(move || Some(Reply::json(http_status, &format!(r#"{{"message":"{words}"}}"#))));
            let failure = (call.run)(&Client::of(&server.endpoint()), None).expect_err(call.name);
            assert_eq!((failure.status, failure.outcome), (call.status, ETCD_NOT_APPLIED), "{}", call.name);
            assert_eq!(failure.http_status, i32::from(http_status), "{}", call.name);
            assert_eq!(failure.api_message.as_deref(), Some(words), "{}", call.name);
            assert_eq!(failure.endpoint, Some(server.endpoint()), "{}", call.name);
            assert!(failure.message.starts_with(&format!("{words} at {}", server.endpoint())), "{}", failure.message);
        }
    }
}

#[test]
fn insufficient_credentials_say_which_are_needed() {
    for call in CALLS {
        let server = call.server(|| Some(Reply::json(401, r#"{"message":"Insufficient credentials"}"#)));
        let failure = (call.run)(&Client::of(&server.endpoint()), None).expect_err(call.name);
        assert_eq!((failure.status, failure.http_status), (call.status, 401), "{}", call.name);
        for part in ["Insufficient credentials", "the role root", "etcd_config_set_credentials"] {
            assert!(failure.message.contains(part), "{}: {}", call.name, failure.message);
        }
    }
}

#[test]
fn what_is_not_etcds_answer_is_an_invalid_response() {
    for call in CALLS {
        for (http_status, body) in [
            (call.success.0, "<html>"),
            (call.success.0, "[1"),
            (418, "I'm a teapot"),
            (409, "{\"mess"),
            (404, "{}"),
            (202, r#"{"user":"bob","role":"r","id":"1","enabled":true}"#),
        ] {
            if http_status == 204 {
                continue;
            }
            let server = call.server(move || Some(Reply::json(http_status, body)));
            let failure = (call.run)(&Client::of(&server.endpoint()), None).expect_err(call.name);
            let outcome = if call.is_write() { ETCD_MAYBE_APPLIED } else { ETCD_NOT_APPLIED };
            assert_eq!(
                (failure.status, failure.outcome),
                (ETCD_ERR_INVALID_RESPONSE, outcome),
                "{}: {http_status} {body}",
                call.name
            );
        }
    }
}

#[test]
fn a_success_that_should_have_a_body_is_nothing_without_it() {
    for call in CALLS.iter().filter(|call| !call.success.1.is_empty()) {
        let status = call.success.0;
        let server = call.server(move || Some(Reply::new(status)));
        let failure = (call.run)(&Client::of(&server.endpoint()), None).expect_err(call.name);
        assert_eq!(failure.status, ETCD_ERR_EMPTY_BODY, "{}", call.name);
    }
}

#[test]
fn a_cancelled_context_sends_nothing() {
    let context = Context::new();
    context.cancel();
    for call in CALLS {
        let server = call.server(|| None);
        let failure = (call.run)(&Client::of(&server.endpoint()), Some(&context)).expect_err(call.name);
        assert_eq!((failure.status, failure.outcome), (ETCD_ERR_CANCELED, ETCD_NOT_APPLIED), "{}", call.name);
        assert_eq!(server.connections(), 0, "{}", call.name);
    }
}

#[test]
fn a_call_ends_with_its_deadline() {
    let check = |call: &Call| {
        let (status, body) = call.success;
        let server = call.server(move || Some(Reply::json(status, body).stall_at(Place::Start)));
        let outcome = if call.is_write() { ETCD_MAYBE_APPLIED } else { ETCD_NOT_APPLIED };
        let results = [
            (call.run)(&Client::of(&server.endpoint()), Some(&Context::with_timeout_ms(1000))),
            (call.run)(&Config::new(&[server.endpoint()]).request_timeout_ms(1000).build(), None),
        ];
        for result in results {
            let failure = result.expect_err(call.name);
            assert_eq!((failure.status, failure.outcome), (ETCD_ERR_DEADLINE_EXCEEDED, outcome), "{}", call.name);
        }
    };
    std::thread::scope(|scope| {
        for call in CALLS {
            scope.spawn(move || check(call));
        }
    });
}

// The look of a user_add and what follows it have the time of one call, not of two.
#[test]
fn a_call_of_two_requests_has_the_time_of_one() {
    let gate = std::time::Duration::from_millis(700);
    let server = ScriptedServer::by(move |request| {
        std::thread::sleep(gate);
        match request.method.as_str() {
            "GET" => Reply::json(404, r#"{"message":"auth: User bob does not exist."}"#),
            _ => Reply::json(201, USER),
        }
    });
    let client = Config::new(&[server.endpoint()]).request_timeout_ms(1000).build();
    let failure = client.auth().user_add("bob", "p").expect_err("700 ms twice are more than 1000 ms");
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_DEADLINE_EXCEEDED, ETCD_MAYBE_APPLIED));
}
