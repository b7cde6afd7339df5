//! One real etcd: started, looked at, killed, frozen and started again.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use etcd_test_support::{EtcdServer, Oracle, wait_until};

/// Set in a child process, which then starts an etcd and dies without stopping it.
const ORPHAN: &str = "SUPPORT_TEST_ORPHANS_AN_ETCD";

#[test]
fn a_root_user_has_the_password_that_the_test_chose_and_a_cheap_hash() {
    let server = EtcdServer::builder().plain().auth("root", "pass:word").start();
    let answer = |password: &str| Oracle::new(server.endpoint()).as_user("root", password).get("/v2/auth/users");
    let users = answer("pass:word");
    assert_eq!((users.status, &users.json()["users"][0]["user"]), (200, &"root".into()), "{users:?}");
    assert_eq!(answer("password").status, 401);
    assert_eq!(Oracle::new(server.endpoint()).get("/v2/auth/users").status, 401, "auth is on");
    // etcd's own hashes would take 20 seconds of its processor.
    let spent = || processor_time(server.pid().expect("it runs"));
    let before = spent();
    (0..200).for_each(|_| assert_eq!(answer("pass:word").status, 200));
    assert!(spent() - before < Duration::from_secs(6), "{:?}", spent() - before);
}

/// How long a process has kept processors busy, in user mode and in the kernel.
fn processor_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("its numbers");
    let fields: Vec<&str> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().expect("a number")).sum();
    // A hundred ticks a second, on every Linux that has etcd.
    Duration::from_millis(ticks * 10)
}

#[test]
fn the_oracle_sets_sees_and_deletes_a_key() {
    let server = EtcdServer::start();
    let oracle = Oracle::new(server.endpoint());
    let before = oracle.index();
    assert_eq!(oracle.value("/foo"), None);
    assert_eq!(oracle.set("/foo", "a b&c=é").status, 201);
    assert_eq!(oracle.value("/foo").as_deref(), Some("a b&c=é"));
    assert_eq!(oracle.value_by_quorum("foo").as_deref(), Some("a b&c=é"));
    assert_eq!(oracle.index(), before + 1);
    oracle.set("/dir/odd %2F?#+é", "x");
    assert_eq!(oracle.value("/dir/odd %2F?#+é").as_deref(), Some("x"));
    assert_eq!(oracle.value("/dir"), None, "a directory has no value");
    oracle.delete("/dir");
    oracle.delete("/foo");
    assert_eq!(oracle.value("/foo"), None);
    let posted = oracle.request("POST", "/v2/keys/queue", &[("value", "1"), ("ttl", "100")]);
    assert_eq!((posted.status, posted.json()["node"]["ttl"].as_u64()), (201, Some(100)));
}

#[test]
fn the_oracle_speaks_for_a_user_once_auth_is_on() {
    let server = EtcdServer::start();
    let oracle = Oracle::new(server.endpoint());
    let root = serde_json::json!({"user": "root", "password": "secret"});
    assert_eq!(oracle.request_json("PUT", "/v2/auth/users/root", &root).status, 201);
    assert_eq!(oracle.request("PUT", "/v2/auth/enable", &[]).status, 200);
    assert_eq!(oracle.get("/v2/auth/users").status, 401);
    assert_eq!(oracle.as_user("root", "secret").get("/v2/auth/users").status, 200);
}

#[test]
fn a_server_without_v2_says_so() {
    let server = EtcdServer::builder().enable_v2(false).start();
    let answer = Oracle::new(server.endpoint()).get("/v2/keys/foo");
    assert_eq!((answer.status, answer.text()), (404, "404 page not found\n"));
}

#[test]
fn a_server_has_the_name_and_the_arguments_that_it_was_given() {
    let server = EtcdServer::builder().name("solo").extra_args(["--max-txn-ops=7"]).start();
    assert_eq!(server.name(), "solo");
    let oracle = Oracle::new(server.endpoint());
    assert_eq!(oracle.get("/v2/members").json()["members"][0]["name"], "solo");
    let command_line = std::fs::read_to_string(format!("/proc/{}/cmdline", server.pid().unwrap())).unwrap();
    assert!(command_line.split('\0').any(|argument| argument == "--max-txn-ops=7"), "{command_line}");
}

#[test]
fn a_killed_server_refuses_and_keeps_its_data_for_the_restart() {
    let server = EtcdServer::start();
    let (endpoint, pid) = (server.endpoint(), server.pid());
    Oracle::new(&endpoint).set("/foo", "kept");
    server.kill();
    assert!(!server.is_running() && !server.is_healthy());
    let error = TcpStream::connect(("127.0.0.1", server.port())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    for _ in 0..3 {
        server.restart();
        assert_eq!(server.endpoint(), endpoint);
        assert_ne!(server.pid(), pid);
        assert_eq!(Oracle::new(&endpoint).value("/foo").as_deref(), Some("kept"));
    }
}

#[test]
fn a_stopped_server_accepts_but_says_nothing_until_it_is_continued() {
    let server = EtcdServer::start();
    for _ in 0..3 {
        server.stop_process();
        assert!(!server.is_running());
        let mut stream = TcpStream::connect(("127.0.0.1", server.port())).expect("the kernel accepts");
        stream.write_all(b"GET /version HTTP/1.0\r\n\r\n").unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        server.continue_process();
        assert!(server.is_running());
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 1, "the answer comes late");
        server.wait_healthy();
    }
}

#[test]
fn a_stopped_server_can_be_killed_and_restarted() {
    let server = EtcdServer::start();
    server.stop_process();
    server.restart();
    assert!(server.is_running() && server.is_healthy());
}

#[test]
fn a_server_leaves_neither_process_nor_directory_behind() {
    let server = EtcdServer::start();
    let process = format!("/proc/{}", server.pid().unwrap());
    let command_line = std::fs::read_to_string(format!("{process}/cmdline")).unwrap();
    let data = command_line.split('\0').find_map(|argument| argument.strip_prefix("--data-dir=")).unwrap();
    assert!(Path::new(data).is_dir());
    drop(server);
    assert!(!Path::new(&process).exists());
    assert!(!Path::new(data).parent().unwrap().exists());
}

#[test]
fn a_server_started_by_a_thread_outlives_the_thread() {
    let server = std::thread::spawn(EtcdServer::start).join().unwrap();
    assert!(server.is_healthy());
    Oracle::new(server.endpoint()).set("/foo", "bar");
}

#[test]
fn a_server_dies_with_the_process_that_started_it() {
    if std::env::var_os(ORPHAN).is_some() {
        let server = EtcdServer::start();
        println!("PID={}", server.pid().unwrap());
        // Nothing is dropped on this way out.
        std::process::exit(0);
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    let name = "etcd_server::a_server_dies_with_the_process_that_started_it";
    let output = child.args(["--exact", name, "--nocapture"]).env(ORPHAN, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let (_, pid) = text.lines().find_map(|line| line.split_once("PID=")).expect("the child started an etcd");
    let stat = format!("/proc/{pid}/stat");
    wait_until("the orphan dies", || {
        // A zombie is dead too: whether somebody collects it is up to this machine's first process.
        std::fs::read_to_string(&stat).map_or(true, |stat| !stat.contains("(etcd)") || stat.contains(") Z "))
    });
}

#[test]
fn a_server_that_cannot_start_shows_its_log() {
    let start = || EtcdServer::builder().extra_args(["--no-such-flag"]).start();
    let panic = std::panic::catch_unwind(start).expect_err("etcd refuses the flag");
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("no-such-flag"), "{message}");
}
