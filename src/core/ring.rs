//! The pinned ring: the endpoints in shuffled order, and the one at which the next call starts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::chance;
use super::endpoint::Endpoint;
use super::error::{Error, Result};
use super::few;
use super::status::Status;

/// One list of endpoints with its pin. A call keeps the list it started with, even when another replaces it meanwhile.
///
/// After a sync it has two groups: what the cluster advertises is preferred, and configured endpoints that it does not
/// advertise stay behind as a last resort.
#[derive(Debug)]
pub struct Endpoints {
    /// The preferred ones first.
    list: Vec<Arc<Endpoint>>,
    preferred: usize,
    pin: AtomicUsize,
}

impl Endpoints {
    fn shuffled(mut list: Vec<Arc<Endpoint>>) -> Result<Endpoints> {
        if list.is_empty() {
            return Err(Error::new(Status::NoEndpoints, "no endpoints available: the list is empty"));
        }
        chance::generator().shuffle(&mut list);
        Ok(Endpoints::in_order(list, Vec::new()))
    }

    /// Pinned at the first.
    pub fn in_order(preferred: Vec<Arc<Endpoint>>, last_resort: Vec<Arc<Endpoint>>) -> Endpoints {
        let count = preferred.len();
        let mut list = preferred;
        list.extend(last_resort);
        Endpoints { list, preferred: count, pin: AtomicUsize::new(0) }
    }

    pub fn list(&self) -> &[Arc<Endpoint>] {
        &self.list
    }

    /// The endpoint is not to be trusted: if it is pinned, later calls start behind it.
    pub fn pin_behind(&self, endpoint: &Arc<Endpoint>) {
        let Some(position) = self.position_of(endpoint) else { return };
        let Some(behind) = self.position(position, 1) else { return };
        let _ = self.pin.compare_exchange(position, behind, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn position_of(&self, endpoint: &Arc<Endpoint>) -> Option<usize> {
        self.list.iter().position(|listed| Arc::ptr_eq(listed, endpoint))
    }

    pub fn preferred(&self) -> &[Arc<Endpoint>] {
        self.list.get(..self.preferred).unwrap_or_default()
    }

    /// The endpoint at which the next call starts.
    pub fn pinned(&self) -> Option<&Arc<Endpoint>> {
        self.list.get(self.pin.load(Ordering::Relaxed))
    }

    /// Pins the first endpoint of which `is_it` is true, if there is one.
    pub fn pin_to(&self, is_it: impl Fn(&Endpoint) -> bool) -> bool {
        let position = self.list.iter().position(|endpoint| is_it(endpoint));
        position.inspect(|position| self.pin.store(*position, Ordering::Relaxed)).is_some()
    }

    /// One round: every endpoint once, from the pin on.
    pub fn round(&self) -> Round<'_> {
        Round { endpoints: self, start: self.pin.load(Ordering::Relaxed), order: Vec::new(), step: 0 }
    }

    /// Where a round that began at `start` is after `step` steps: around the group of the start, then through the other
    /// one. So a last resort is asked after all that is preferred, and where only last resorts can be reached the pinned
    /// one is followed by the others of its kind.
    fn position(&self, start: usize, step: usize) -> Option<usize> {
        let step = step.checked_rem(self.list.len())?;
        let (first, count, other) = match start < self.preferred {
            true => (0, self.preferred, self.preferred),
            false => (self.preferred, self.list.len().saturating_sub(self.preferred), 0),
        };
        match step.checked_sub(count) {
            Some(beyond) => Some(other.wrapping_add(beyond)),
            None => Some(start.wrapping_sub(first).wrapping_add(step).checked_rem(count)?.wrapping_add(first)),
        }
    }
}

/// A walk around the ring: the good endpoints from the pin on, then the bad ones. It moves the pin only from where it found
/// it, so that a hundred threads that fail together move it by one and not by a hundred.
pub struct Round<'a> {
    endpoints: &'a Endpoints,
    start: usize,
    /// The positions in the order in which they are asked; made only when the first endpoint is not the last one needed.
    order: Vec<usize>,
    step: usize,
}

impl<'a> Round<'a> {
    pub fn next_endpoint(&mut self) -> Option<&'a Arc<Endpoint>> {
        let pinned = self.endpoints.list.get(self.start)?;
        if self.step == 0 && pinned.condition().is_good() {
            self.step = 1;
            return Some(pinned);
        }
        if self.order.is_empty() {
            self.order = self.order_from_now_on();
        }
        let position = *self.order.get(self.step)?;
        self.step += 1;
        self.endpoints.list.get(position)
    }

    /// All positions in the order of the ring, the bad ones last; what was asked already stays in front.
    fn order_from_now_on(&self) -> Vec<usize> {
        let count = self.endpoints.list.len();
        let mut order: Vec<usize> = (0..count).filter_map(|step| self.endpoints.position(self.start, step)).collect();
        if let Some(to_ask) = order.get_mut(self.step..) {
            let is_good = |position: &usize| {
                self.endpoints.list.get(*position).is_some_and(|endpoint| endpoint.condition().is_good())
            };
            few::sort_few(to_ask, |left, right| is_good(left) && !is_good(right));
        }
        order
    }

    /// How many endpoints have not been asked.
    pub fn left(&self) -> usize {
        self.endpoints.list.len().saturating_sub(self.step)
    }

    /// This endpoint answered: later calls start there.
    pub fn pin(&self, endpoint: &Arc<Endpoint>) {
        if self.endpoints.list.get(self.start).is_some_and(|pinned| Arc::ptr_eq(pinned, endpoint)) {
            return;
        }
        if let Some(position) = self.endpoints.position_of(endpoint) {
            self.move_pin(position);
        }
    }

    /// This endpoint is not to be trusted: later calls start behind it.
    pub fn pin_behind(&self, endpoint: &Arc<Endpoint>) {
        let position = self.endpoints.position_of(endpoint);
        if let Some(behind) = position.and_then(|position| self.endpoints.position(position, 1)) {
            self.move_pin(behind);
        }
    }

    /// Nobody answered. The pin moves too, or every later call would begin with the same bad endpoint.
    pub fn pin_behind_start(&self) {
        if let Some(behind) = self.endpoints.position(self.start, 1) {
            self.move_pin(behind);
        }
    }

    fn move_pin(&self, target: usize) {
        let _ = self.endpoints.pin.compare_exchange(self.start, target, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// The current list, replaceable while calls are running.
#[derive(Debug)]
pub struct Ring(RwLock<State>);

#[derive(Debug)]
struct State {
    current: Arc<Endpoints>,
    /// What the application gave last; a sync never forgets it.
    configured: Arc<Vec<Arc<Endpoint>>>,
    syncs_started: u64,
    /// The number of the latest sync whose result is in place.
    sync_finished: u64,
}

/// What a sync began with.
#[derive(Debug)]
pub struct StartedSync {
    pub configured: Arc<Vec<Arc<Endpoint>>>,
    number: u64,
}

impl Ring {
    pub fn new(list: Vec<Arc<Endpoint>>) -> Result<Ring> {
        let configured = Arc::new(list.clone());
        let current = Arc::new(Endpoints::shuffled(list)?);
        Ok(Ring(RwLock::new(State { current, configured, syncs_started: 0, sync_finished: 0 })))
    }

    pub fn current(&self) -> Arc<Endpoints> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).current.clone()
    }

    /// Shuffles and pins anew; on an error the old list stays.
    pub fn replace(&self, list: Vec<Arc<Endpoint>>) -> Result<()> {
        let configured = Arc::new(list.clone());
        let replacement = Arc::new(Endpoints::shuffled(list)?);
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        (state.current, state.configured) = (replacement, configured);
        Ok(())
    }

    pub fn start_sync(&self) -> StartedSync {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        state.syncs_started = state.syncs_started.saturating_add(1);
        StartedSync { configured: state.configured.clone(), number: state.syncs_started }
    }

    /// Puts the result of a sync in place. Not done, and false, when the application has replaced the endpoints since the
    /// sync began, or a sync that began later has finished already: both know better.
    pub fn finish_sync(&self, sync: &StartedSync, endpoints: Arc<Endpoints>) -> bool {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&state.configured, &sync.configured) || sync.number < state.sync_finished {
            return false;
        }
        (state.current, state.sync_finished) = (endpoints, sync.number);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::condition::{Proof, Trouble};

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
        let answered = round.next_endpoint().expect("a second one");
        round.pin(answered);
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
    fn the_endpoints_left_are_those_that_were_not_asked() {
        let endpoints = ring(3).current();
        let mut round = endpoints.round();
        assert_eq!(round.left(), 3);
        round.next_endpoint();
        assert_eq!(round.left(), 2);
        while round.next_endpoint().is_some() {}
        assert_eq!(round.left(), 0);
    }

    #[test]
    fn bad_endpoints_are_asked_last_and_each_is_asked_all_the_same() {
        let endpoints = Endpoints::in_order(named(&["a", "b", "c", "d"]), Vec::new());
        let condition = |position: usize| endpoints.list[position].condition();
        condition(0).failed(Trouble::Silent);
        assert_eq!(names(&endpoints), "b c d a");
        condition(2).failed(Trouble::Isolated);
        assert_eq!(names(&endpoints), "b d a c");
        condition(1).failed(Trouble::Silent);
        condition(3).failed(Trouble::Silent);
        assert_eq!(names(&endpoints), "a b c d");
        condition(2).answered(Proof::Quorum);
        assert_eq!(names(&endpoints), "c a b d");
    }

    #[test]
    fn an_endpoint_that_turns_bad_during_a_walk_is_not_asked_twice() {
        let endpoints = Endpoints::in_order(named(&["a", "b", "c"]), Vec::new());
        let mut round = endpoints.round();
        let mut walked = vec![round.next_endpoint().expect("a").host_header()];
        endpoints.list[0].condition().failed(Trouble::Silent);
        endpoints.list[1].condition().failed(Trouble::Silent);
        walked.extend(std::iter::from_fn(|| round.next_endpoint().map(|endpoint| endpoint.host_header())));
        assert_eq!(walked, ["a", "c", "b"]);
    }

    fn named(names: &[&str]) -> Vec<Arc<Endpoint>> {
        names.iter().map(|name| Arc::new(Endpoint::parse(&format!("http://{name}")).expect("valid"))).collect()
    }

    fn names(endpoints: &Endpoints) -> String {
        walk(endpoints).iter().map(|url| url.trim_start_matches("http://")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_last_resort_is_asked_after_all_that_is_preferred_wherever_the_pin_is() {
        let endpoints = Endpoints::in_order(named(&["a", "b", "c"]), named(&["x", "y"]));
        let walks = ["a b c x y", "b c a x y", "c a b x y", "x y a b c", "y x a b c"];
        for walk in walks {
            assert!(endpoints.pin_to(|endpoint| walk.starts_with(endpoint.host_header())));
            assert_eq!(names(&endpoints), walk);
        }
    }

    #[test]
    fn a_last_resort_that_answered_stays_pinned_until_it_fails() {
        let endpoints = Endpoints::in_order(named(&["a", "b"]), named(&["x"]));
        let mut round = endpoints.round();
        let last = std::iter::from_fn(|| round.next_endpoint()).last().expect("x");
        round.pin(last);
        assert_eq!(names(&endpoints), "x a b");
        endpoints.round().pin_behind(last);
        assert_eq!(names(&endpoints), "a b x");
    }

    #[test]
    fn endpoints_that_the_application_sets_beat_a_sync_that_began_before() {
        let ring = ring(2);
        let sync = ring.start_sync();
        ring.replace(named(&["mine"])).expect("set");
        assert!(!ring.finish_sync(&sync, Arc::new(Endpoints::in_order(named(&["theirs"]), Vec::new()))));
        assert_eq!(names(&ring.current()), "mine");
    }

    #[test]
    fn a_slow_sync_does_not_undo_a_later_one() {
        let ring = ring(1);
        let (slow, quick) = (ring.start_sync(), ring.start_sync());
        assert!(ring.finish_sync(&quick, Arc::new(Endpoints::in_order(named(&["new"]), Vec::new()))));
        assert!(!ring.finish_sync(&slow, Arc::new(Endpoints::in_order(named(&["old"]), Vec::new()))));
        assert_eq!(names(&ring.current()), "new");
    }
}
