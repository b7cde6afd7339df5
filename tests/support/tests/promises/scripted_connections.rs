//! What a scripted server does to connections, apart from the answers on them.

use std::fs::{read_dir, read_link};
use std::io::{ErrorKind, Write};
use std::os::fd::{BorrowedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use etcd_test_support::{Place, Reply, ScriptedServer, Welcome, wait_until};
use socket2::SockRef;

use crate::wire::{End, GET, Wire};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn ok() -> Reply {
    Reply::new(200).body("ok")
}

#[test]
fn a_connection_is_closed_as_soon_as_it_is_accepted() {
    let server = ScriptedServer::greeting(Welcome::Close);
    assert_eq!(Wire::to(&server).read_to_end(), (String::new(), End::Fin));
    assert_eq!(Wire::to(&server).send(GET).read_to_end(), (String::new(), End::Fin), "with a request under way");
    assert_eq!((server.connections(), server.requests().len()), (2, 0));
}

#[test]
fn a_connection_is_reset_as_soon_as_it_is_accepted() {
    let server = ScriptedServer::greeting(Welcome::Reset);
    assert_eq!(Wire::to(&server).read_to_end(), (String::new(), End::Reset));
}

#[test]
fn a_connection_that_is_never_read_fills_up() {
    let server = ScriptedServer::greeting(Welcome::NeverRead);
    let mut wire = Wire::to(&server);
    wire.stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let error = wire.stream.write_all(&vec![b'x'; 64 << 20]).expect_err("nobody reads");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

#[test]
fn each_connection_has_its_own_welcome() {
    let server =
        ScriptedServer::welcoming(|number| if number == 0 { Welcome::Reset } else { Welcome::Serve }, |_| ok());
    assert_eq!(Wire::to(&server).read_to_end().1, End::Reset);
    Wire::to(&server).expect(OK);
}

#[test]
fn an_idle_connection_is_closed_silently_once_told_to() {
    let server = ScriptedServer::always(ok());
    let mut wire = Wire::to(&server);
    wire.expect(OK).expect(OK);
    assert_eq!(server.close_idle_connections(), 1);
    wire.stream.set_nonblocking(true).unwrap();
    assert_eq!(wire.stream.peek(&mut [0]).unwrap(), 0, "the FIN is there when the call returns");
    Wire::to(&server).expect(OK);
}

#[test]
fn a_request_on_a_connection_that_was_closed_silently_is_answered_by_a_reset() {
    let server = ScriptedServer::always(ok());
    let mut wire = Wire::to(&server);
    wire.expect(OK);
    server.close_idle_connections();
    wire.send(GET);
    wait_until("the reset ends the connection for writing", || wire.stream.write_all(GET).is_err());
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn closing_idle_connections_leaves_a_stalled_answer_alone() {
    let server =
        ScriptedServer::by(|request| if request.path() == "/stall" { ok().stall_at(Place::Start) } else { ok() });
    let (mut stalled, mut idle) = (Wire::to(&server), Wire::to(&server));
    stalled.send(b"GET /stall HTTP/1.1\r\n\r\n");
    server.wait_for_requests(1);
    idle.expect(OK);
    assert_eq!(server.close_idle_connections(), 1);
    assert_eq!(idle.read_to_end(), (String::new(), End::Fin));
    server.release();
    assert_eq!(stalled.read(OK.len()), OK);
}

#[test]
fn connections_are_counted_when_they_come_and_when_they_go() {
    let server = ScriptedServer::always(ok());
    let (first, second) = (Wire::to(&server), Wire::to(&server));
    server.wait_for_connections(2);
    assert_eq!((server.connections(), server.open_connections()), (2, 2));
    drop(first);
    server.wait_for_ended(1);
    assert_eq!((server.connections(), server.open_connections()), (2, 1));
    drop(second);
    server.wait_for_ended(2);
    assert_eq!((server.connections(), server.open_connections()), (2, 0));
}

#[test]
fn a_panic_in_the_script_fails_the_test() {
    let server = ScriptedServer::by(|request| panic!("unexpected {}", request.target));
    let (answer, _) = Wire::to(&server).send(GET).read_to_end();
    assert_eq!(answer, "");
    let cause = catch_unwind(AssertUnwindSafe(|| drop(server))).expect_err("the panic comes up again");
    assert_eq!(cause.downcast_ref::<String>().unwrap(), "unexpected /v2/keys/foo");
}

#[test]
fn a_dropped_server_leaves_no_socket_behind() {
    let server = ScriptedServer::always(ok());
    let mut kept: Vec<_> = (0..5).map(|_| Wire::to(&server)).collect();
    server.wait_for_connections(kept.len());
    let sockets = sockets_on_port(server.address().port());
    assert_eq!(sockets.len(), 1 + kept.len(), "the listener and the connections");
    drop(server);
    let left = descriptors_to(&sockets);
    assert!(left.is_empty(), "{left:?} of {sockets:?}");
    assert!(kept.iter_mut().all(|wire| wire.read_to_end() == (String::new(), End::Fin)));
}

#[test]
fn connections_end_at_once_even_while_another_test_forks() {
    let server = ScriptedServer::sequence(vec![ok().close_at(Place::End), ok().reset_at(Place::End), ok()]);
    let mut wires: Vec<_> = (0..3).map(|_| Wire::to(&server)).collect();
    server.wait_for_connections(3);
    let sockets = sockets_on_port(server.address().port());
    // A child between fork and exec has such copies too.
    let copies: Vec<_> = descriptors_to(&sockets)
        .into_iter()
        // SAFETY: the descriptor is open as long as the server is.
        .map(|descriptor| unsafe { BorrowedFd::borrow_raw(descriptor) }.try_clone_to_owned().unwrap())
        .collect();
    assert_eq!(copies.len(), 4, "the listener and the connections");
    assert_eq!(wires[0].send(GET).read_to_end(), (OK.into(), End::Fin));
    assert_eq!(wires[1].send(GET).read_to_end(), (OK.into(), End::Reset));
    wires[2].expect(OK);
    drop(server);
    assert_eq!(wires[2].read_to_end(), (String::new(), End::Fin));
    assert!(copies.iter().all(|copy| !SockRef::from(copy).is_listener().unwrap()), "the port does not accept any more");
}

/// The sockets of this process with that local port, as their descriptors are linked to.
///
/// The kernel's own table of sockets would not do: it shows some twice, and some not at all, while others come and go.
fn sockets_on_port(port: u16) -> Vec<String> {
    let is_there = |descriptor: RawFd| {
        // SAFETY: whatever it is, asking for its address does it no harm.
        let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
        let address = SockRef::from(&descriptor).local_addr().ok().and_then(|address| address.as_socket());
        address.is_some_and(|address| address.port() == port)
    };
    open_descriptors().filter(|(descriptor, _)| is_there(*descriptor)).map(|(_, target)| target).collect()
}

/// The descriptors of this process that lead to one of the sockets.
fn descriptors_to(sockets: &[String]) -> Vec<RawFd> {
    open_descriptors().filter(|(_, target)| sockets.contains(target)).map(|(descriptor, _)| descriptor).collect()
}

/// This process's descriptors, and what they lead to.
fn open_descriptors() -> impl Iterator<Item = (RawFd, String)> {
    read_dir("/proc/self/fd").unwrap().flatten().filter_map(|link| {
        let descriptor = link.file_name().to_str()?.parse().ok()?;
        Some((descriptor, read_link(link.path()).ok()?.display().to_string()))
    })
}
