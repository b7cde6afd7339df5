//! The network of the laboratory: each fault does what it says, and after its end all is well again.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Deref;
use std::panic;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use etcd_test_support::{Laboratory, Node, wait_until};

/// Far more than an answer over a good cable takes, and less than the kernel's first wait for a lost SYN.
const PATIENCE: Duration = Duration::from_millis(900);

/// The laboratory that the tests share, one after another.
pub(crate) struct Shared(MutexGuard<'static, Option<Laboratory>>);

impl Deref for Shared {
    type Target = Laboratory;

    fn deref(&self) -> &Laboratory {
        self.0.as_ref().expect("a laboratory")
    }
}

/// Three healthy members.
pub(crate) fn laboratory() -> Shared {
    static LABORATORY: Mutex<Option<Laboratory>> = Mutex::new(None);
    let mut guard = LABORATORY.lock().unwrap_or_else(PoisonError::into_inner);
    guard.get_or_insert_with(|| Laboratory::start(3));
    let shared = Shared(guard);
    // A test that failed may have left one dead.
    shared.cluster().members().iter().filter(|member| member.has_ended()).for_each(|member| member.start_again());
    shared.cluster().wait_healthy();
    shared
}

pub(crate) fn address(laboratory: &Laboratory, number: usize) -> SocketAddr {
    laboratory.endpoints()[number].strip_prefix("http://").expect("plain").parse().expect("an address")
}

/// Connects from the client's machine.
fn connect(laboratory: &Laboratory, number: usize) -> io::Result<TcpStream> {
    let address = address(laboratory, number);
    let stream = laboratory.in_client_namespace(|| TcpStream::connect_timeout(&address, PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Sends a request on a connection, and returns the status and all that came after it.
fn exchange(mut stream: &TcpStream, method: &str, target: &str) -> io::Result<(u16, String)> {
    write!(stream, "{method} {target} HTTP/1.0\r\nHost: etcd\r\nContent-Length: 0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or(ErrorKind::InvalidData)?, answer))
}

/// Asks a member from the client's machine.
pub(crate) fn ask(laboratory: &Laboratory, number: usize, target: &str) -> io::Result<(u16, String)> {
    exchange(&connect(laboratory, number)?, "GET", target)
}

fn assert_all_answer(laboratory: &Laboratory) {
    for number in 0..3 {
        wait_until("the client reaches the member", || ask(laboratory, number, "/v2/keys/").is_ok());
    }
    laboratory.cluster().wait_healthy();
}

fn timed<T>(call: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    (call(), started.elapsed())
}

#[test]
fn the_client_s_machine_reaches_all_members_and_the_tests_own_machine_sees_nothing_of_them() {
    let laboratory = laboratory();
    assert_all_answer(&laboratory);
    if laboratory.without_namespaces().is_some() {
        return;
    }
    let devices = || std::fs::read_to_string("/proc/thread-self/net/dev").expect("the devices");
    assert!(!devices().contains("eth0:") || !devices().contains("m0:"), "{}", devices());
    let inherited = || thread::scope(|scope| scope.spawn(devices).join().expect("a thread"));
    let inside = laboratory.in_client_namespace(inherited);
    assert!(inside.contains("eth0:") && inside != devices(), "{inside}");
}

#[test]
fn a_panic_on_the_client_s_machine_is_one_of_the_test() {
    let laboratory = laboratory();
    let panicking = panic::AssertUnwindSafe(|| laboratory.in_client_namespace(|| panic::resume_unwind(Box::new(7))));
    let payload = panic::catch_unwind(panicking).map(|()| 0).expect_err("a panic");
    assert_eq!(payload.downcast_ref(), Some(&7));
}

#[test]
fn a_member_that_is_cut_off_answers_nobody_and_the_others_go_on() {
    let laboratory = laboratory();
    let Ok(cut) = laboratory.cut_off(0) else { return };
    assert_eq!(ask(&laboratory, 0, "/v2/keys/").expect_err("cut off").kind(), ErrorKind::TimedOut);
    wait_until("it notices that it is alone", || !laboratory.member(0).is_healthy());
    assert_eq!(laboratory.member(0).oracle().get("/v2/keys/").status, 200);
    for number in [1, 2] {
        laboratory.member(number).wait_healthy();
        assert_eq!(ask(&laboratory, number, "/v2/keys/").expect("not cut off").0, 200);
    }
    cut.end();
    assert_all_answer(&laboratory);
}

#[test]
fn a_member_without_its_peers_serves_the_client_what_is_stale_and_nothing_by_quorum() {
    let laboratory = laboratory();
    laboratory.oracle(1).set("/stale", "old");
    wait_until("it has the value", || laboratory.oracle(0).value("/stale").as_deref() == Some("old"));
    let Ok(cut) = laboratory.cut_off_from_peers(0) else { return };
    wait_until("it notices that it is alone", || !laboratory.member(0).is_healthy());
    laboratory.member(1).wait_healthy();
    laboratory.oracle(1).set("/stale", "new");
    let (status, answer) = ask(&laboratory, 0, "/v2/keys/stale").expect("a plain read");
    assert!(status == 200 && answer.contains("\"old\""), "{answer}");
    let by_quorum = ask(&laboratory, 0, "/v2/keys/stale?quorum=true");
    assert!(by_quorum.is_err(), "{by_quorum:?}");
    cut.end();
    assert_all_answer(&laboratory);
    assert_eq!(laboratory.oracle(0).value_by_quorum("/stale").as_deref(), Some("new"));
}

#[test]
fn a_client_that_is_cut_off_from_one_member_reaches_the_others_and_all_stay_healthy() {
    let laboratory = laboratory();
    let Ok(cut) = laboratory.cut_between(Node::Client, Node::Member(1)) else { return };
    assert_eq!(connect(&laboratory, 1).expect_err("cut off").kind(), ErrorKind::TimedOut);
    for number in [0, 2] {
        // A new leader may be chosen at this moment, on a busy machine.
        let answers = || ask(&laboratory, number, "/v2/keys/?quorum=true").is_ok_and(|(status, _)| status == 200);
        wait_until("the others are not cut off", answers);
    }
    assert!(laboratory.cluster().members().iter().all(|member| member.is_healthy()));
    cut.end();
    assert_all_answer(&laboratory);
}

#[test]
fn a_cut_in_one_direction_loses_the_request_or_the_answer() {
    let laboratory = laboratory();
    let value = |key: &str| laboratory.member(0).oracle().value_by_quorum(key);
    let (asked, answered) = (connect(&laboratory, 0).expect("before"), connect(&laboratory, 0).expect("before"));
    let Ok(cut) = laboratory.cut_one_way(Node::Client, Node::Member(0)) else { return };
    exchange(&asked, "PUT", "/v2/keys/asked?value=one").expect_err("no request arrives");
    assert_eq!(value("/asked"), None);
    cut.end();
    let Ok(cut) = laboratory.cut_one_way(Node::Member(0), Node::Client) else { return };
    exchange(&answered, "PUT", "/v2/keys/answered?value=one").expect_err("no answer arrives");
    assert_eq!(value("/answered").as_deref(), Some("one"));
    cut.end();
    assert_all_answer(&laboratory);
    wait_until("the kernel sends again what was lost", || value("/asked").is_some());
}

#[test]
fn a_leader_that_is_mute_to_its_peers_loses_the_lead_and_one_that_is_deaf_cannot_commit() {
    let laboratory = laboratory();
    let leader = laboratory.cluster().leader();
    let Ok(mute) = laboratory.mute_to_peers(leader) else { return };
    wait_until("nobody confirms what it says", || !laboratory.member(leader).is_healthy());
    let others: Vec<_> = (0..3).filter(|number| *number != leader).collect();
    others.iter().for_each(|other| laboratory.member(*other).wait_healthy());
    assert_eq!(ask(&laboratory, leader, "/v2/keys/").expect("clients reach it").0, 200);
    mute.end();
    assert_all_answer(&laboratory);
    let leader = laboratory.cluster().leader();
    let Ok(deaf) = laboratory.deaf_to_peers(leader) else { return };
    wait_until("it hears of nobody who agrees", || !laboratory.member(leader).is_healthy());
    deaf.end();
    assert_all_answer(&laboratory);
}

#[test]
fn a_cable_that_loses_packets_lets_some_connections_through() {
    let laboratory = laboratory();
    // A follower: without heartbeats from their leader, the others would elect another one for the whole test.
    let lossy = laboratory.cluster().followers()[0];
    let Ok(loss) = laboratory.lose_packets(lossy, 40) else { return };
    let (mut made, mut failed) = (0, 0);
    wait_until("some connections come about at once, and some do not", || {
        match connect(&laboratory, lossy) {
            Ok(_) => made += 1,
            Err(error) if error.kind() == ErrorKind::TimedOut => failed += 1,
            Err(error) => panic!("{error}"),
        }
        made > 0 && failed > 0
    });
    loss.end();
    assert_all_answer(&laboratory);
}

#[test]
fn a_longer_cable_delays_each_way_and_connections_survive_it() {
    const EACH_WAY: Duration = Duration::from_millis(60);
    let laboratory = laboratory();
    let before = connect(&laboratory, 2).expect("before");
    let Ok(delay) = laboratory.delay(2, EACH_WAY) else { return };
    let (answer, took) = timed(|| exchange(&before, "GET", "/v2/keys/"));
    assert_eq!(answer.expect("later").0, 200);
    assert!(took >= 2 * EACH_WAY, "a question and an answer took {took:?}");
    let (during, took) = timed(|| connect(&laboratory, 2));
    let during = during.expect("later");
    assert!(took >= 2 * EACH_WAY, "a handshake took {took:?}");
    laboratory.member(2).wait_healthy();
    delay.end();
    assert_eq!(exchange(&during, "GET", "/v2/keys/").expect("as before").0, 200);
    wait_until("the cable is as short as before", || timed(|| connect(&laboratory, 2)).1 < EACH_WAY);
    assert_all_answer(&laboratory);
}

#[test]
fn a_slow_cable_passes_so_many_bits_a_second() {
    let laboratory = laboratory();
    laboratory.oracle(0).set("/large", &"x".repeat(48 * 1024));
    let slow = laboratory.cluster().followers()[0];
    let get = || laboratory.oracle(slow).get("/v2/keys/large");
    let Ok(limit) = laboratory.limit_rate(slow, 400) else { return };
    let (answer, took) = timed(get);
    assert_eq!(answer.status, 200);
    // 384 kbit, of which the burst passes at once.
    const LEAST: Duration = Duration::from_millis(700);
    assert!(took > LEAST, "it took {took:?}");
    limit.end();
    wait_until("the cable is fast again", || timed(get).1 < LEAST);
    assert_all_answer(&laboratory);
}

#[test]
fn the_host_at_an_unplugged_cable_is_soon_unreachable() {
    let laboratory = laboratory();
    let Ok(unplugged) = laboratory.unplug(1) else { return };
    assert_eq!(connect(&laboratory, 1).expect_err("unplugged").kind(), ErrorKind::TimedOut);
    let patient = Duration::from_secs(10);
    let address = address(&laboratory, 1);
    let told = || laboratory.in_client_namespace(|| TcpStream::connect_timeout(&address, patient));
    wait_until("the client is told", || told().is_err_and(|error| error.kind() == ErrorKind::HostUnreachable));
    unplugged.end();
    assert_all_answer(&laboratory);
}
