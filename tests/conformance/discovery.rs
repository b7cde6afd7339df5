//! Discovery against a name server that answers by script.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use etcd_client::capi::status::*;
use etcd_test_harness::{Client, Context, Failure, discover};
use etcd_test_support::{DnsReply, DnsServer, PrivateDir};

const ENCRYPTED: &str = "_etcd-client-ssl._tcp.example.com";
const PLAIN: &str = "_etcd-client._tcp.example.com";

/// A server that knows these two answers.
fn server(encrypted: DnsReply, plain: DnsReply) -> DnsServer {
    DnsServer::by(move |name| match name {
        ENCRYPTED => encrypted.clone(),
        PLAIN => plain.clone(),
        _ => DnsReply::NoSuchName,
    })
}

fn ask(servers: &[&DnsServer]) -> Result<Vec<String>, Failure> {
    let addresses: Vec<String> = servers.iter().map(|server| server.address()).collect();
    discover(None, Some(&addresses), "example.com", None)
}

fn one(target: &'static str) -> DnsReply {
    DnsReply::Records(vec![(0, 0, 2379, target)])
}

// TestSRVDiscover: none, https only, both.
#[test]
fn https_comes_first_and_either_alone_is_enough() {
    let both = server(one("a.example.com"), DnsReply::Records(vec![(0, 0, 2379, "b.example.com"), (1, 0, 80, "c")]));
    let expected = ["https://a.example.com:2379", "http://b.example.com:2379", "http://c:80"];
    assert_eq!(ask(&[&both]).expect("both"), expected);
    let encrypted = server(one("a.example.com"), DnsReply::NoSuchName);
    assert_eq!(ask(&[&encrypted]).expect("https"), ["https://a.example.com:2379"]);
    let plain = server(DnsReply::Records(Vec::new()), one("a.example.com"));
    assert_eq!(ask(&[&plain]).expect("http"), ["http://a.example.com:2379"]);
    let none = server(DnsReply::NoSuchName, DnsReply::NoSuchName);
    let failure = ask(&[&none]).expect_err("neither");
    assert_eq!(failure.status, ETCD_ERR_DNS);
    assert_eq!(
        failure.message,
        format!(
            "dns lookup errors: {ENCRYPTED}: no such host and {PLAIN}: no such host; check the domain, the service name and its SRV records"
        )
    );
}

// TestGetSRVService: the name becomes a suffix of the service.
#[test]
fn a_service_name_is_a_suffix_of_the_service() {
    let server = DnsServer::by(|name| match name {
        "_etcd-client-ssl-prod._tcp.example.com" => one("tls"),
        "_etcd-client-prod._tcp.example.com" => one("plain"),
        _ => DnsReply::NoSuchName,
    });
    let found = |service| discover(None, Some(&[server.address()]), "example.com", service);
    assert_eq!(found(Some("prod")).expect("prod"), ["https://tls:2379", "http://plain:2379"]);
    assert_eq!(found(Some("")).expect_err("none").status, ETCD_ERR_DNS);
    let mut asked = server.questions();
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), 4);
}

#[test]
fn priorities_are_kept_and_weights_share() {
    let records = vec![(20, 0, 1, "last"), (10, 1, 1, "light"), (10, 9, 1, "heavy"), (5, 0, 1, "first")];
    let server = server(DnsReply::NoSuchName, DnsReply::Records(records));
    let mut heavy_first = 0;
    for _ in 0..60 {
        let urls = ask(&[&server]).expect("records");
        assert_eq!((urls[0].as_str(), urls[3].as_str()), ("http://first:1", "http://last:1"));
        heavy_first += usize::from(urls[1] == "http://heavy:1");
    }
    assert!(heavy_first > 30, "{heavy_first} of 60");
}

#[test]
fn a_dot_means_not_available_and_nonsense_is_left_out() {
    let server = server(
        DnsReply::Records(vec![(0, 0, 0, ".")]),
        DnsReply::Records(vec![(0, 0, 0, "no.port"), (0, 0, 1, "sp ace"), (0, 0, 1, "user@host")]),
    );
    let failure = ask(&[&server]).expect_err("nothing that can be used");
    assert_eq!(failure.status, ETCD_ERR_DNS);
    assert!(failure.message.contains("no record names a host and port"), "{}", failure.message);
}

#[test]
fn the_next_server_is_asked_when_one_fails_and_not_when_one_says_no() {
    let good = server(DnsReply::NoSuchName, one("good"));
    for code in [2, 5, 1] {
        let failing = server(DnsReply::Code(code), DnsReply::Code(code));
        assert_eq!(ask(&[&failing, &good]).expect("the second"), ["http://good:2379"]);
        let failure = ask(&[&failing]).expect_err("nobody else");
        assert!(failure.status == ETCD_ERR_DNS && failure.message.contains(&failing.address()), "{failure:?}");
    }
    // A port on which nobody listens.
    let gone = server(DnsReply::Silence, DnsReply::Silence);
    let address = gone.address();
    drop(gone);
    let found = discover(None, Some(&[address, good.address()]), "example.com", None);
    assert_eq!(found.expect("the second"), ["http://good:2379"]);
    let none = server(DnsReply::NoSuchName, DnsReply::NoSuchName);
    let before = good.questions().len();
    ask(&[&none, &good]).expect_err("the first says no");
    assert_eq!(good.questions().len(), before);
}

#[test]
fn a_silent_server_does_not_use_up_the_time_of_the_next() {
    let (silent, good) = (server(DnsReply::Silence, DnsReply::Silence), server(DnsReply::NoSuchName, one("good")));
    let started = Instant::now();
    let addresses = [silent.address(), good.address()];
    let found = discover(Some(&Context::with_timeout_ms(2000)), Some(&addresses), "example.com", None);
    assert_eq!(found.expect("the second"), ["http://good:2379"]);
    assert!(started.elapsed() < Duration::from_millis(1800), "{:?}", started.elapsed());
}

#[test]
fn noise_is_passed_over_and_a_truncated_answer_is_fetched_by_tcp() {
    let noisy = server(DnsReply::NoSuchName, DnsReply::NoiseBefore(vec![(0, 0, 2379, "real.example.com")]));
    assert_eq!(ask(&[&noisy]).expect("the answer"), ["http://real.example.com:2379"]);
    let many: Vec<(u16, u16, u16, &str)> = (1..200).map(|port| (port, 0, port, "many.example.com")).collect();
    let long = server(DnsReply::OnlyByTcp(many), DnsReply::Bytes(b"garbage".to_vec()));
    let context = Context::with_timeout_ms(3000);
    let found = discover(Some(&context), Some(&[long.address()]), "example.com", None);
    // The garbage is no answer at all: that lookup waits in vain, and gives up in time.
    let urls = found.expect("the other lookup's");
    assert_eq!((urls.len(), urls[198].as_str()), (199, "https://many.example.com:199"));
}

#[test]
fn a_lookup_ends_by_its_deadline_or_at_once_by_cancelling() {
    let silent = server(DnsReply::Silence, DnsReply::Silence);
    let addresses = [silent.address()];
    let started = Instant::now();
    let failure = discover(Some(&Context::with_timeout_ms(500)), Some(&addresses), "example.com", None);
    let failure = failure.expect_err("silence");
    // Both lookups have given up just before, and tell more than the deadline would.
    assert!(failure.status == ETCD_ERR_DNS && failure.message.contains("no answer within"), "{failure:?}");
    let over = discover(Some(&Context::with_timeout_ms(0)), Some(&addresses), "example.com", None);
    assert_eq!(over.expect_err("no time at all").status, ETCD_ERR_DEADLINE_EXCEEDED);
    assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
    let context = Context::new();
    thread::scope(|scope| {
        let looking = scope.spawn(|| discover(Some(&context), Some(&addresses), "example.com", None));
        thread::sleep(Duration::from_millis(100));
        let started = Instant::now();
        context.cancel();
        assert_eq!(looking.join().expect("the thread").expect_err("cancelled").status, ETCD_ERR_CANCELED);
        assert!(started.elapsed() < Duration::from_millis(1000), "{:?}", started.elapsed());
    });
}

#[test]
fn what_is_no_domain_or_no_address_is_refused() {
    for (domain, service) in [("", None), ("..", None), ("a..b", None), ("a", Some("b.c"))] {
        let failure = discover(None, Some(&["127.0.0.1:1".into()]), domain, service).expect_err(domain);
        assert_eq!(failure.status, ETCD_ERR_INVALID_ARGUMENT, "{domain}: {failure:?}");
    }
    for servers in [&[][..], &["localhost".to_owned()]] {
        let failure = discover(None, Some(servers), "a.b", None).expect_err("no address");
        assert!(failure.status == ETCD_ERR_INVALID_ARGUMENT && failure.message.starts_with("name_servers"));
    }
}

#[test]
fn it_works_inside_a_foreign_runtime() {
    let server = server(DnsReply::NoSuchName, one("a"));
    let foreign = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    assert_eq!(foreign.block_on(async { ask(&[&server]) }).expect("an answer"), ["http://a:2379"]);
}

#[test]
fn what_is_found_makes_a_client() {
    let server = server(DnsReply::NoSuchName, one("a.example.com."));
    let client = Client::of_all(&ask(&[&server]).expect("an answer"));
    assert_eq!(client.endpoints(), ["http://a.example.com:2379"]);
}

/// Set inside the namespace.
const INSIDE: &str = "ETCD_CLIENT_TEST_NAME_SERVER";

// The system's settings are those of /etc/resolv.conf, which takes namespaces of our own to replace.
#[test]
fn the_system_says_whom_to_ask() {
    if std::env::var_os(INSIDE).is_some() {
        return ask_the_system();
    }
    let dir = PrivateDir::on_disk();
    let settings = dir.path().join("resolv.conf");
    let lines = "nameserver 127.0.0.2\nnameserver 127.0.0.1\nsearch lan.example\noptions timeout:1 attempts:1\n";
    std::fs::write(&settings, lines).expect("write the settings");
    let unshare = |script: &str, arguments: [&Path; 2]| {
        let mut command = Command::new("unshare");
        command.args(["-rmn", "sh", "-c", script, "sh"]).args(arguments).env(INSIDE, "1");
        command.output()
    };
    let program = std::env::current_exe().expect("this program");
    let enter = r#"ip link set lo up && mount --bind "$1" /etc/resolv.conf"#;
    let can = unshare(enter, [&settings, &program]);
    if !can.as_ref().is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED the_system_says_whom_to_ask: no namespaces of our own here: {can:?}");
        return;
    }
    let test = "discovery::the_system_says_whom_to_ask --exact --nocapture";
    let output = unshare(&format!(r#"{enter} && exec "$2" {test}"#), [&settings, &program]).expect("the namespace");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{output:?}");
}

/// Runs in the namespace: the first server of the list does not exist, the second knows the searched domain only.
fn ask_the_system() {
    let server = DnsServer::on_port_53(|name| match name {
        "_etcd-client._tcp.example.com" | "_etcd-client-ssl._tcp.short.lan.example" => one("found.example"),
        _ => DnsReply::NoSuchName,
    });
    assert_eq!(discover(None, None, "example.com", None).expect("as it is"), ["http://found.example:2379"]);
    assert_eq!(discover(None, None, "short", None).expect("searched"), ["https://found.example:2379"]);
    assert_eq!(discover(None, None, "short.", None).expect_err("a whole name").status, ETCD_ERR_DNS);
    assert!(server.questions().len() >= 6);
}
