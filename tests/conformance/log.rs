//! What is logged: at debug every attempt as a cURL command, at warn every endpoint that failed, never a secret.

use std::ffi::{CStr, c_char, c_void};
use std::process::Command;
use std::sync::{Arc, Mutex};

use etcd_test_harness::capi::config::*;
use etcd_test_harness::{Client, Config, Set};
use etcd_test_support::{Reply, ScriptedServer, refused_endpoint};

use crate::wire::accepted;

type Lines = Mutex<Vec<(i32, String)>>;

/// Keeps what is logged.
pub(crate) struct Journal(Arc<Lines>);

impl Journal {
    pub(crate) fn new() -> Journal {
        Journal(Arc::default())
    }

    /// Logs up to `level` into this journal.
    pub(crate) fn on(&self, config: Config, level: i32) -> Config {
        let lines = Arc::into_raw(Arc::clone(&self.0)).cast_mut().cast();
        // SAFETY: the configuration is alive, and the lines live until they are dropped.
        config.change(|config| unsafe { etcd_config_set_log(config, level, Some(write), lines, Some(release)) })
    }

    pub(crate) fn lines(&self) -> Vec<(i32, String)> {
        self.0.lock().expect("the lines").clone()
    }

    fn texts(&self, level: i32) -> Vec<String> {
        self.lines().into_iter().filter(|line| line.0 == level).map(|line| line.1).collect()
    }
}

unsafe extern "C" fn write(lines: *mut c_void, level: i32, message: *const c_char) {
    // SAFETY: the user data are the journal's lines, and the message is a C string.
    let (lines, message) = unsafe { (&*lines.cast::<Lines>(), CStr::from_ptr(message)) };
    lines.lock().expect("the lines").push((level, message.to_str().expect("UTF-8").to_owned()));
}

unsafe extern "C" fn release(lines: *mut c_void) {
    // SAFETY: the counterpart of `into_raw`, called once.
    drop(unsafe { Arc::from_raw(lines.cast_const().cast::<Lines>()) });
}

/// The words that a shell makes of a line, when `curl` is a command that tells its arguments.
fn words(line: &str) -> Vec<String> {
    let script = format!("curl() {{ for word; do printf '%s\\0' \"$word\"; done; }}\n{line}");
    let output = Command::new("sh").arg("-c").arg(script).output().expect("a shell");
    assert!(output.status.success() && output.stderr.is_empty(), "{line}: {output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn debug_tells_every_attempt_as_a_curl_command() {
    let server = ScriptedServer::always(accepted());
    let at = |path: &str| format!("{}/v2/keys{path}", server.endpoint());
    let journal = Journal::new();
    let client = journal.on(Config::new(&[server.endpoint()]), ETCD_LOG_DEBUG).build();
    client.get("/it's $HOME").expect("answered");
    client.set("/a", "b'c\"d `e` $f \\ @g\n").expect("answered");
    client.set_with(None, "/d", "", &Set { dir: true, ..Set::default() }).expect("answered");
    client.create_in_order("/q", "x", Some(5000)).expect("answered");
    client.delete("/a").expect("answered");
    let lines = journal.texts(ETCD_LOG_DEBUG);
    let form = "Content-Type: application/x-www-form-urlencoded";
    let expected = [
        ["-X", "GET", &at("/it%27s%20$HOME?quorum=false&recursive=false&sorted=false")].join("\n"),
        ["-X", "PUT", &at("/a"), "-H", form, "--data-binary", "value=b%27c%22d+%60e%60+%24f+%5C+%40g%0A"].join("\n"),
        ["-X", "PUT", &at("/d?dir=true"), "-H", form].join("\n"),
        ["-X", "POST", &at("/q"), "-H", form, "--data-binary", "ttl=5&value=x"].join("\n"),
        ["-X", "DELETE", &at("/a"), "-H", form].join("\n"),
    ];
    let found: Vec<_> = lines.iter().map(|line| words(line).join("\n")).collect();
    assert_eq!(found, expected);
    assert!(lines.iter().all(|line| line.starts_with("curl -X ")), "{lines:?}");
}

#[test]
fn a_logged_command_can_be_pasted_and_sends_the_same_request() {
    let server = ScriptedServer::always(accepted());
    let journal = Journal::new();
    let client = journal.on(Config::new(&[server.endpoint()]), ETCD_LOG_DEBUG).build();
    client.get("/a{b,c}[1-3]/it's").expect("answered");
    client.create("/a", "b'c d&e").expect("answered");
    client.delete("/a").expect("answered");
    for (line, sent) in journal.texts(ETCD_LOG_DEBUG).iter().zip(server.requests()) {
        let before = server.requests().len();
        let pasted = format!("{} --silent --noproxy '*'", line);
        let Ok(output) = Command::new("sh").arg("-c").arg(&pasted).output() else { return };
        if output.status.code() == Some(127) {
            return; // There is no curl here.
        }
        let received = server.requests().remove(before);
        assert_eq!((received.method, received.target, received.body), (sent.method, sent.target, sent.body), "{line}");
    }
}

#[test]
fn debug_tells_redirects_and_other_endpoints_too() {
    let target = ScriptedServer::always(Reply::new(500));
    let first = ScriptedServer::always(Reply::new(307).header("Location", &format!("{}/x?y=z", target.endpoint())));
    let second = ScriptedServer::always(accepted());
    let journal = Journal::new();
    let config = || journal.on(Config::new(&[first.endpoint(), second.endpoint()]), ETCD_LOG_DEBUG);
    let client = Client::starting_at_first(config, &first.endpoint());
    client.set("/a", "b").expect("answered");
    let urls: Vec<_> = journal.texts(ETCD_LOG_DEBUG).iter().map(|line| words(line)[2].clone()).collect();
    let expected = [
        format!("{}/v2/keys/a", first.endpoint()),
        format!("{}/x?y=z", target.endpoint()),
        format!("{}/v2/keys/a", second.endpoint()),
    ];
    assert_eq!(urls, expected);
}

#[test]
fn warn_tells_every_endpoint_that_failed_and_why() {
    let (refused, failing) = (refused_endpoint(), ScriptedServer::always(Reply::new(502).body("one\ntwo")));
    let journal = Journal::new();
    let endpoints = [refused.endpoint(), failing.endpoint()];
    let client = journal.on(Config::new(&endpoints), ETCD_LOG_WARN).build();
    let failure = client.get("/a").expect_err("nobody answers");
    let lines = journal.lines();
    assert_eq!((lines.len(), failure.list.len()), (2, 2), "{lines:?}");
    for ((level, line), (endpoint, cause)) in lines.iter().zip(client.endpoints().iter().zip(&failure.list)) {
        assert_eq!(*level, ETCD_LOG_WARN);
        assert!(line.contains(endpoint.as_str()) && line.contains(&cause.message), "{line}");
        assert!(!line.contains('\n'), "{line}");
    }
}

#[test]
fn a_logged_line_is_one_line_whatever_the_server_says() {
    let body = r#"{"errorCode":300,"message":"Raft\nInternal","cause":"one\r\ntwo","index":1}"#;
    let server = ScriptedServer::always(Reply::json(500, body));
    let journal = Journal::new();
    let client = journal.on(Config::new(&[server.endpoint()]), ETCD_LOG_DEBUG).build();
    client.get("/a").expect_err("refused");
    for (_, line) in journal.lines() {
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}

#[test]
fn a_level_has_itself_and_all_before_it() {
    let (refused, other) = (refused_endpoint(), ScriptedServer::always(accepted()));
    let levels = |most: i32| {
        let journal = Journal::new();
        let client = journal.on(Config::new(&[refused.endpoint()]), most).build();
        client.get("/a").expect_err("refused");
        client.set_endpoints(&[other.endpoint()]).expect("changed");
        client.get("/a").expect("answered");
        let mut levels: Vec<_> = journal.lines().iter().map(|line| line.0).collect();
        levels.dedup();
        levels
    };
    assert!(levels(ETCD_LOG_ERROR).is_empty());
    assert_eq!(levels(ETCD_LOG_WARN), [ETCD_LOG_WARN]);
    assert_eq!(levels(ETCD_LOG_INFO), [ETCD_LOG_WARN, ETCD_LOG_INFO]);
    assert_eq!(levels(ETCD_LOG_DEBUG), [ETCD_LOG_DEBUG, ETCD_LOG_WARN, ETCD_LOG_INFO, ETCD_LOG_DEBUG]);
}

#[test]
fn info_tells_the_new_endpoints() {
    let journal = Journal::new();
    let client = journal.on(Config::new(&["http://a:1".into()]), ETCD_LOG_INFO).build();
    client.set_endpoints(&["http://b:2".into()]).expect("changed");
    let lines = journal.texts(ETCD_LOG_INFO);
    assert!(lines.len() == 1 && lines[0].contains("http://b:2"), "{lines:?}");
}

#[test]
fn a_success_is_worth_no_line_below_debug() {
    let server = ScriptedServer::sequence(vec![accepted(), Reply::etcd(404, 1, r#"{"errorCode":100}"#)]);
    let journal = Journal::new();
    let client = journal.on(Config::new(&[server.endpoint()]), ETCD_LOG_INFO).build();
    client.get("/a").expect("answered");
    client.get("/a").expect_err("a refusal is an answer");
    assert_eq!(journal.lines(), Vec::new());
}

#[test]
fn no_function_is_no_log() {
    let server = ScriptedServer::always(accepted());
    let journal = Journal::new();
    let config = journal.on(Config::new(&[server.endpoint()]), ETCD_LOG_DEBUG);
    // SAFETY: the configuration is alive, and NULL switches logging off.
    let off = |config| unsafe { etcd_config_set_log(config, ETCD_LOG_DEBUG, None, std::ptr::null_mut(), None) };
    config.change(off).build().get("/a").expect("answered");
    assert_eq!((journal.lines(), Arc::strong_count(&journal.0)), (Vec::new(), 1));
}

#[test]
fn the_users_data_are_dropped_when_nobody_can_log_any_more() {
    let journal = Journal::new();
    let config = journal.on(Config::new(&["http://a:1".into()]), ETCD_LOG_DEBUG);
    assert_eq!(Arc::strong_count(&journal.0), 2);
    let client = config.build();
    assert_eq!(Arc::strong_count(&journal.0), 2);
    drop(client);
    assert_eq!(Arc::strong_count(&journal.0), 1);
    // A logger that takes the place of another lets it go.
    let config = journal.on(journal.on(Config::new(&[]), ETCD_LOG_DEBUG), ETCD_LOG_WARN);
    assert_eq!(Arc::strong_count(&journal.0), 2);
    drop(config);
    assert_eq!(Arc::strong_count(&journal.0), 1);
}

#[test]
fn the_password_of_a_user_that_is_made_or_changed_is_never_logged() {
    let journal = Journal::new();
    let server = ScriptedServer::by(|request| match request.method.as_str() {
        "GET" => Reply::json(404, r#"{"message":"auth: User bob does not exist."}"#),
        _ => Reply::json(201, r#"{"user":"bob","roles":null}"#),
    });
    let client = journal.on(Config::new(&[server.endpoint()]), ETCD_LOG_DEBUG).build();
    client.auth().user_add("bob", "se\"cret").expect("added");
    let _ = client.auth().user_change_password("bob", "se\"cret");
    let lines = journal.texts(ETCD_LOG_DEBUG);
    assert_eq!(lines.iter().filter(|line| line.contains(r#""password":"PASSWORD""#)).count(), 2, "{lines:?}");
    assert!(lines.iter().all(|line| !line.contains("cret")), "{lines:?}");
}
