//! How many requests may be under way to one endpoint at once, on the internal runtime: whoever comes later waits in turn.
//! A thousand watches that read the history at the same moment would open thousands of connections otherwise.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::endpoint::Origin;

/// As many as there are lanes.
pub const PLACES: usize = 64;

/// Redirects can lead anywhere, so that the places of origins which nobody uses are given up.
const MOST_UNUSED: usize = 64;

#[derive(Default)]
pub struct Places(Mutex<HashMap<Arc<Origin>, Arc<Semaphore>>>);

/// Given back when it is dropped.
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Places {
    /// Waits for a place, first come, first served. None never happens: these places are never closed.
    pub async fn take(&self, origin: &Arc<Origin>) -> Option<Place> {
        let places = self.of(origin);
        places.acquire_owned().await.ok().map(|permit| Place { _permit: permit })
    }

    fn of(&self, origin: &Arc<Origin>) -> Arc<Semaphore> {
        let mut origins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if origins.len() > MOST_UNUSED {
            origins.retain(|_, places| Arc::strong_count(places) > 1);
        }
        origins.entry(origin.clone()).or_insert_with(|| Arc::new(Semaphore::new(PLACES))).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::super::endpoint::Endpoint;
    use super::*;

    fn origin(port: usize) -> Arc<Origin> {
        let list = Endpoint::parse_list(&format!("http://localhost:{port}")).expect("an endpoint");
        list.first().expect("one").origin().clone()
    }

    fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(ready) => Some(ready),
            Poll::Pending => None,
        }
    }

    #[test]
    fn places_are_counted_for_each_origin_and_given_back() {
        let places = Places::default();
        let mut taken: Vec<_> = (0..PLACES).map(|_| now(places.take(&origin(1))).expect("a place")).collect();
        assert!(now(places.take(&origin(1))).is_none(), "one more has to wait");
        assert!(now(places.take(&origin(2))).is_some(), "another endpoint has its own");
        taken.pop();
        assert!(now(places.take(&origin(1))).is_some());
    }

    #[test]
    fn origins_without_use_are_forgotten_and_others_are_not() {
        let places = Places::default();
        let _taken: Vec<_> = (0..PLACES).map(|_| now(places.take(&origin(1)))).collect();
        (2..1000).for_each(|port| drop(now(places.take(&origin(port)))));
        assert!(places.0.lock().expect("unpoisoned").len() <= MOST_UNUSED + 2);
        assert!(now(places.take(&origin(1))).is_none(), "its places are in use");
    }
}
