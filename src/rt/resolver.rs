//! Names become addresses on a short-lived thread of their own, because getaddrinfo can neither be
//! cancelled nor given a deadline; a call that gives up leaves it behind and goes on.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::thread;
use crate::faults::{self, Place};
use crate::ffi::panics;

/// An `io::Error` cannot be cloned, and several calls may wait for the same name.
type Resolved = Result<Vec<SocketAddr>, Arc<io::Error>>;
type Waiting = Arc<Mutex<HashMap<(String, u16), Vec<oneshot::Sender<Resolved>>>>>;

#[derive(Debug, Default)]
pub struct Resolver {
    waiting: Waiting,
}

impl Resolver {
    pub async fn resolve(&self, host: &str, port: u16) -> Resolved {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let receiver = self.join_lookup(host, port).map_err(Arc::new)?;
        receiver.await.unwrap_or_else(|_| Err(Arc::new(io::Error::other("the lookup was abandoned"))))
    }

    /// A name that is being looked up already is not looked up twice.
    fn join_lookup(&self, host: &str, port: u16) -> io::Result<oneshot::Receiver<Resolved>> {
        let (sender, receiver) = oneshot::channel();
        let name = (host.to_owned(), port);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiters) = waiting.get_mut(&name) {
            waiters.push(sender);
            return Ok(receiver);
        }
        let shared = self.waiting.clone();
        let looked_up = name.clone();
        thread::spawn("etcd-dns", move || look_up(&looked_up, &shared))?;
        waiting.insert(name, vec![sender]);
        Ok(receiver)
    }
}

fn look_up(name: &(String, u16), waiting: &Waiting) {
    let ask = || {
        faults::here(Place::Lookup, name.0.as_bytes());
        (name.0.as_str(), name.1).to_socket_addrs().map(Iterator::collect)
    };
    // Whatever happens, nobody may be left waiting.
    let resolved = panics::catch(ask).unwrap_or_else(|panic| Err(io::Error::other(panic))).map_err(Arc::new);
    let waiters = waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    for waiter in waiters.unwrap_or_default() {
        let _ = waiter.send(resolved.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
    }

    #[test]
    fn addresses_are_not_looked_up() {
        let resolved = block_on(Resolver::default().resolve("::1", 2379)).expect("an address");
        assert_eq!(resolved, ["[::1]:2379".parse().expect("an address")]);
    }

    #[test]
    fn localhost_is_a_loopback_address() {
        let resolved = block_on(Resolver::default().resolve("localhost", 2379)).expect("a name");
        assert!(!resolved.is_empty() && resolved.iter().all(|address| address.ip().is_loopback()));
    }

    #[test]
    fn a_name_that_does_not_exist_is_an_error() {
        assert!(block_on(Resolver::default().resolve("no-such-host.invalid", 2379)).is_err());
    }
}
