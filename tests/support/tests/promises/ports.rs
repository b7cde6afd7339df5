//! Addresses that are free, refuse or hang.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use etcd_test_support::{HangingListener, ReservedPort, free_port, refused_endpoint};
use socket2::SockRef;

#[test]
fn a_free_port_can_be_listened_on() {
    // Somebody else may be faster now and then, but not ten times in a row.
    assert!((0..10).any(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, free_port())).is_ok()));
}

#[test]
fn a_reserved_port_is_given_to_nobody_who_asks_for_any_port() {
    let reserved: Vec<_> = (0..200).map(|_| ReservedPort::new()).collect();
    let reserved: HashSet<_> = reserved.iter().map(ReservedPort::port).collect();
    assert_eq!(reserved.len(), 200);
    let others: Vec<_> = (0..200).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
    assert!(others.iter().all(|other| !reserved.contains(&other.local_addr().unwrap().port())));
}

#[test]
fn a_reserved_port_can_be_listened_on_again_and_again_and_refuses_in_between() {
    let port = ReservedPort::new();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.port()));
    for _ in 0..3 {
        assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let listener = TcpListener::bind(address).expect("the port is free for a listener");
        let client = TcpStream::connect(address).unwrap();
        drop((listener.accept().unwrap(), client));
        // Closing alone would not do while a child that another test starts has a copy of the listener.
        SockRef::from(&listener).shutdown(Shutdown::Both).unwrap();
    }
}

#[test]
fn a_refused_endpoint_refuses_and_nobody_can_take_it() {
    let refused = refused_endpoint();
    assert_eq!(TcpStream::connect(refused.address()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(TcpListener::bind(refused.address()).unwrap_err().kind(), ErrorKind::AddrInUse);
    assert_eq!(refused.endpoint(), format!("http://{}", refused.address()));
}

#[test]
fn a_hanging_listener_neither_accepts_nor_refuses() {
    let hanging = HangingListener::new();
    for _ in 0..3 {
        let outcome = TcpStream::connect_timeout(&hanging.address(), Duration::from_millis(100));
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::TimedOut);
    }
    // Past the first repetition of the SYN, after a second.
    let outcome = TcpStream::connect_timeout(&hanging.address(), Duration::from_millis(1300));
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::TimedOut);
}
