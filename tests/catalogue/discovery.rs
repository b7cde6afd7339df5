//! `pkg/srv/srv_test.go`: endpoints by DNS, asked of a name server of the test's own.

use etcd_test_harness::capi::status::ETCD_ERR_DNS;
use etcd_test_harness::{Failure, discover};
use etcd_test_support::dns_server::SrvRecord;
use etcd_test_support::{DnsReply, DnsServer};

/// What is discovered in a domain with these records, https and http.
fn asked(with_ssl: Vec<SrvRecord>, without_ssl: Vec<SrvRecord>) -> Result<Vec<String>, Failure> {
    let server = DnsServer::by(move |name| match name {
        "_etcd-client-ssl._tcp.example.com" => DnsReply::Records(with_ssl.clone()),
        "_etcd-client._tcp.example.com" => DnsReply::Records(without_ssl.clone()),
        _ => DnsReply::NoSuchName,
    });
    discover(None, Some(&[server.address()]), "example.com", None)
}

fn discovered(with_ssl: Vec<SrvRecord>, without_ssl: Vec<SrvRecord>) -> Vec<String> {
    asked(with_ssl, without_ssl).expect("endpoints")
}

/// Records of one priority each, so that their order is theirs and not chance's.
fn records(targets: [(&'static str, u16); 3]) -> Vec<SrvRecord> {
    targets.into_iter().zip(1..).map(|((target, port), priority)| (priority, 0, port, target)).collect()
}

#[test]
fn srv_discover() {
    let three = || records([("one.example.com", 2480), ("two.example.com", 2480), ("three.example.com", 2480)]);
    let https = ["one", "two", "three"].map(|name| format!("https://{name}.example.com:2480"));
    let plain = vec![(1, 0, 7001, "one.example.com")];
    // https alone, both, and names; an SRV record has a name where Go's fake has an address.
    assert_eq!(discovered(three(), Vec::new()), https);
    let both = [&https[..], &["http://one.example.com:7001".to_owned()]].concat();
    assert_eq!(discovered(three(), plain.clone()), both);
    // Differs from Go: the dot at the end of a target is none of the endpoint's.
    let dotted = records([("a.example.com.", 2480), ("b.example.com.", 2480), ("c.example.com.", 2480)]);
    assert_eq!(
        discovered(dotted, Vec::new()),
        ["https://a.example.com:2480", "https://b.example.com:2480", "https://c.example.com:2480"]
    );
    assert_eq!(discovered(Vec::new(), plain), ["http://one.example.com:7001"]);
    // Differs from Go, which gives an empty list to start with: no record is an error.
    assert_eq!(asked(Vec::new(), Vec::new()).expect_err("nothing").status, ETCD_ERR_DNS);
}

#[test]
fn get_srv_service() {
    for (service, mut names) in [
        (None, ["_etcd-client-ssl._tcp.example.com", "_etcd-client._tcp.example.com"]),
        (Some("foo"), ["_etcd-client-ssl-foo._tcp.example.com", "_etcd-client-foo._tcp.example.com"]),
        (Some("bar"), ["_etcd-client-ssl-bar._tcp.example.com", "_etcd-client-bar._tcp.example.com"]),
    ] {
        let server = DnsServer::by(|_| DnsReply::Records(vec![(1, 0, 2379, "one.example.com")]));
        discover(None, Some(&[server.address()]), "example.com", service).expect("endpoints");
        let mut asked = server.questions();
        asked.sort();
        names.sort_unstable();
        assert_eq!(asked, names, "{service:?}");
    }
}
