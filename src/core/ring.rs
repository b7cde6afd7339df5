//! The pinned ring: the endpoints in shuffled order, and the one at which the next call starts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::endpoint::Endpoint;
use super::error::{Error, Result};
use super::status::Status;

/// One list of endpoints with its pin. A call keeps the list it started with, even when another replaces it meanwhile.
#[derive(Debug)]
pub struct Endpoints {
    list: Vec<Arc<Endpoint>>,
    pin: AtomicUsize,
}

impl Endpoints {
    fn shuffled(mut list: Vec<Arc<Endpoint>>) -> Result<Endpoints> {
        if list.is_empty() {
            return Err(Error::new(Status::NoEndpoints, "no endpoints available: the list is empty"));
        }
        fastrand::shuffle(&mut list);
        Ok(Endpoints { list, pin: AtomicUsize::new(0) })
    }

    pub fn list(&self) -> &[Arc<Endpoint>] {
        &self.list
    }

    /// The endpoint is not to be trusted: if it is pinned, later calls start behind it.
    pub fn pin_behind(&self, endpoint: &Arc<Endpoint>) {
        let Some(position) = self.list.iter().position(|listed| Arc::ptr_eq(listed, endpoint)) else { return };
        Round { endpoints: self, start: position, step: 1 }.pin_behind_current();
    }

    /// One round: every endpoint once, from the pin on.
    pub fn round(&self) -> Round<'_> {
        Round { endpoints: self, start: self.pin.load(Ordering::Relaxed), step: 0 }
    }
}

/// A walk around the ring. It moves the pin only from where it found it, so that a hundred
/// threads that fail together move it by one and not by a hundred.
pub struct Round<'a> {
    endpoints: &'a Endpoints,
    start: usize,
    step: usize,
}

impl<'a> Round<'a> {
    pub fn next_endpoint(&mut self) -> Option<&'a Arc<Endpoint>> {
        let count = self.endpoints.list.len();
        if self.step >= count {
            return None;
        }
        let position = self.start.wrapping_add(self.step).checked_rem(count)?;
        self.step += 1;
        self.endpoints.list.get(position)
    }

    /// The endpoint that `next_endpoint` gave last.
    pub fn current(&self) -> Option<&'a Arc<Endpoint>> {
        let position = self.start.wrapping_add(self.step.checked_sub(1)?).checked_rem(self.endpoints.list.len())?;
        self.endpoints.list.get(position)
    }

    /// How many endpoints are left, the one that `next_endpoint` gave last included.
    pub fn left(&self) -> usize {
        self.endpoints.list.len().saturating_sub(self.step.saturating_sub(1))
    }

    /// The endpoint given last answered: later calls start there.
    pub fn pin_current(&self) {
        self.move_pin(self.step.saturating_sub(1));
    }

    /// The endpoint given last is not to be trusted: later calls start behind it.
    pub fn pin_behind_current(&self) {
        self.move_pin(self.step);
    }

    /// Nobody answered. The pin moves too, or every later call would begin with the same bad endpoint.
    pub fn pin_behind_start(&self) {
        self.move_pin(1);
    }

    fn move_pin(&self, steps: usize) {
        let count = self.endpoints.list.len();
        let Some(target) = self.start.wrapping_add(steps).checked_rem(count) else { return };
        if target != self.start {
            let _ = self.endpoints.pin.compare_exchange(self.start, target, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

/// The current list, replaceable while calls are running.
#[derive(Debug)]
pub struct Ring(RwLock<Arc<Endpoints>>);

impl Ring {
    pub fn new(list: Vec<Arc<Endpoint>>) -> Result<Ring> {
        Ok(Ring(RwLock::new(Arc::new(Endpoints::shuffled(list)?))))
    }

    pub fn current(&self) -> Arc<Endpoints> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shuffles and pins anew; on an error the old list stays.
    pub fn replace(&self, list: Vec<Arc<Endpoint>>) -> Result<()> {
        let replacement = Arc::new(Endpoints::shuffled(list)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = replacement;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(count: usize) -> Ring {
        let list = (1..=count).map(|port| Arc::new(Endpoint::parse(&format!("http://h:{port}")).expect("valid")));
        Ring::new(list.collect()).expect("not empty")
    }

    fn walk(endpoints: &Endpoints) -> Vec<String> {
        let mut round = endpoints.round();
        std::iter::from_fn(|| round.next_endpoint().map(|endpoint| endpoint.url().to_owned())).collect()
    }

    #[test]
    fn a_round_gives_every_endpoint_once_from_the_pin_on() {
        let endpoints = ring(3).current();
        let first = walk(&endpoints);
        let mut round = endpoints.round();
        round.next_endpoint();
        round.next_endpoint();
        round.pin_current();
        let second = walk(&endpoints);
        assert_eq!(second, [first[1].clone(), first[2].clone(), first[0].clone()]);
    }

    #[test]
    fn threads_that_fail_together_move_the_pin_by_one() {
        let endpoints = ring(3).current();
        let order = walk(&endpoints);
        let rounds: Vec<_> = (0..10).map(|_| endpoints.round()).collect();
        rounds.iter().for_each(Round::pin_behind_start);
        assert_eq!(walk(&endpoints)[0], order[1]);
    }

    #[test]
    fn an_empty_list_is_refused_and_the_old_one_stays() {
        let ring = ring(2);
        assert_eq!(ring.replace(Vec::new()).expect_err("empty").status(), Status::NoEndpoints);
        assert_eq!(ring.current().list().len(), 2);
    }

    #[test]
    fn the_first_endpoint_is_uniform_over_many_clients() {
        let mut first = [0_i32; 3];
        for _ in 0..6000 {
            let endpoints = ring(3).current();
            let port: usize = walk(&endpoints)[0].trim_start_matches("http://h:").parse().expect("port");
            first[port - 1] += 1;
        }
        // 2000 expected, standard deviation 37: 7 sigma.
        assert!(first.iter().all(|count| (count - 2000).abs() < 260), "{first:?}");
    }

    #[test]
    fn the_endpoints_left_count_the_current_one() {
        let endpoints = ring(3).current();
        let mut round = endpoints.round();
        round.next_endpoint();
        assert_eq!(round.left(), 3);
        round.next_endpoint();
        round.next_endpoint();
        assert_eq!(round.left(), 1);
    }
}
