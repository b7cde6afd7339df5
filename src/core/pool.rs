//! The idle connections of one lane, or of the internal runtime.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::endpoint::Origin;
use super::http1::connection::Connection;
use super::places::{Place, Places};
use super::trust::Trust;
use crate::rt::clock;

/// Servers and middle boxes drop idle connections after a minute or more; keeping them longer only wastes descriptors.
const MAX_REST: Duration = Duration::from_secs(60);

/// A call may meet two or three origins in a row while it fails over; more idle connections per origin
/// than this are only left over from a burst.
const MAX_IDLE_PER_ORIGIN: usize = 64;

pub struct Pool {
    inner: Arc<Inner>,
    /// Whether requests wait for a place.
    is_bounded: bool,
}

struct Inner {
    idle: Mutex<Idle>,
    places: Places,
    max_rest: Duration,
    /// Whether a task closes what has rested for too long, while there is something.
    is_looked_after: bool,
    trust: Arc<Trust>,
}

#[derive(Default)]
struct Idle {
    /// There are few origins, and nearly always one.
    origins: Vec<(Arc<Origin>, Vec<Box<Connection>>)>,
    has_task: bool,
}

impl Idle {
    fn of(&mut self, origin: &Arc<Origin>) -> Option<&mut Vec<Box<Connection>>> {
        let is_it = |known: &Arc<Origin>| Arc::ptr_eq(known, origin) || known == origin;
        self.origins.iter_mut().find(|(known, _)| is_it(known)).map(|(_, connections)| connections)
    }
}

/// That of a lane: one call at a time uses it, on a runtime that stands still between calls.
impl Default for Pool {
    fn default() -> Pool {
        Pool::new(MAX_REST, false, Arc::default())
    }
}

impl Pool {
    /// That of a runtime which always runs, and where any number of requests may come together.
    pub fn of_a_runtime(trust: Arc<Trust>) -> Pool {
        Pool::new(MAX_REST, true, trust)
    }

    fn new(max_rest: Duration, is_shared: bool, trust: Arc<Trust>) -> Pool {
        let (idle, places) = (Mutex::default(), Places::default());
        let inner = Inner { idle, places, max_rest, is_looked_after: is_shared, trust };
        Pool { inner: Arc::new(inner), is_bounded: is_shared }
    }

    /// The same connections for requests that last: these take no place, and neither do those without which nobody would
    /// learn that a member has stopped.
    pub fn unbounded(&self) -> Arc<Pool> {
        Arc::new(Pool { inner: self.inner.clone(), is_bounded: false })
    }

    /// The same connections for requests that wait for a place.
    pub fn bounded(&self) -> Arc<Pool> {
        Arc::new(Pool { inner: self.inner.clone(), is_bounded: true })
    }

    /// Waits for a place at `origin`; None where none is needed.
    pub async fn place(&self, origin: &Arc<Origin>) -> Option<Place> {
        if self.is_bounded { self.inner.places.take(origin).await } else { None }
    }

    /// The connection used last is the one least likely to have been closed.
    pub fn take(&self, origin: &Arc<Origin>) -> Option<Box<Connection>> {
        self.inner.idle().of(origin)?.pop()
    }

    pub fn put(&self, origin: &Arc<Origin>, connection: Box<Connection>) {
        let mut idle = self.inner.idle();
        match idle.of(origin) {
            Some(connections) if connections.len() < MAX_IDLE_PER_ORIGIN => connections.push(connection),
            Some(_) => {}
            None => idle.origins.push((origin.clone(), vec![connection])),
        }
        if self.inner.is_looked_after
            && !idle.has_task
            && let Ok(runtime) = Handle::try_current()
        {
            idle.has_task = true;
            runtime.spawn(self.inner.trust.guard(look_after(Arc::downgrade(&self.inner))));
        }
    }

    /// Closes what has rested for too long.
    pub fn close_old(&self, now: Instant) {
        self.inner.close_old(&mut self.inner.idle(), now);
    }
}

impl Inner {
    fn idle(&self) -> std::sync::MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives when the next connection will have rested for too long.
    fn close_old(&self, idle: &mut Idle, now: Instant) -> Option<Instant> {
        idle.origins.retain_mut(|(_, connections)| {
            connections.retain(|connection| now.saturating_duration_since(connection.resting_since()) < self.max_rest);
            !connections.is_empty()
        });
        let connections = idle.origins.iter().flat_map(|(_, connections)| connections);
        let oldest = connections.map(|connection| connection.resting_since()).min();
        oldest.and_then(|since| since.checked_add(self.max_rest))
    }
}

/// Lasts as long as there are idle connections.
async fn look_after(pool: Weak<Inner>) {
    loop {
        let next = {
            let Some(pool) = pool.upgrade() else { return };
            let mut idle = pool.idle();
            let next = pool.close_old(&mut idle, Instant::now());
            idle.has_task = next.is_some();
            next
        };
        let Some(next) = next else { return };
        clock::sleep_until(next).await;
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use tokio::io::AsyncReadExt;
    use tokio::net::TcpStream;

    use super::super::endpoint::Endpoint;
    use super::super::socket::Stream;
    use super::*;

    #[test]
    fn what_rests_for_too_long_is_closed_though_nothing_else_happens() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
            let address = listener.local_addr().expect("an address");
            let origin = Endpoint::parse_list(&format!("http://{address}")).expect("an endpoint")[0].origin().clone();
            let pool = Pool::new(Duration::from_millis(20), true, Arc::default());
            for round in 0..2 {
                let stream = TcpStream::connect(address).await.expect("a connection");
                let connection = Box::new(Connection::new(Stream::Plain(stream.into())));
                let (accepted, _) = listener.accept().expect("accepted");
                accepted.set_nonblocking(true).expect("nonblocking");
                let mut accepted = TcpStream::from_std(accepted).expect("a stream");
                pool.put(&origin, connection);
                assert!(pool.inner.idle().has_task, "round {round}");
                assert_eq!(accepted.read(&mut [0]).await.expect("an end"), 0);
                tokio::task::yield_now().await;
                assert!(!pool.inner.idle().has_task, "a pool without connections needs no task");
            }
        });
    }
}
