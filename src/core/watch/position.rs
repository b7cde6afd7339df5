//! Where a watch stands in the history of the store. No event is lost as long as every new request starts at
//! `wait_index`; everything here is about moving that index forward without skipping an event.

/// etcd keeps 1000 events for the whole store. A watch whose position is half of that behind is registered anew to move it
/// forward, unless it is so far behind that the history may not hold it any more by then.
const FAR_BEHIND: u64 = 500;
const OUT_OF_REACH: u64 = 800;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The lowest index whose event has not been delivered; None until the store's index is known to a watch from now on.
    next: Option<u64>,
    /// The lowest index that the present request may still bring. An event that is late comes in front of `next`, when
    /// that was moved forward because nothing had come.
    lowest: u64,
    /// The index of the store when the present request was registered there.
    registered: u64,
    /// The index of the store when it was last looked at.
    looked_at: u64,
    /// Whether an event has come since then.
    has_moved: bool,
    /// The highest index that any answer to this watch has told: the store cannot go below it.
    highest: u64,
}

/// Where the server found an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// In its history: a stream delivers no more after it.
    History,
    /// It happened while the request waited.
    Live,
}

/// The server gave an event from before the position that it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    pub wanted: u64,
}

impl Position {
    /// 0 means from now on.
    pub fn after(index: u64) -> Position {
        let next = index.checked_add(1).filter(|_| index > 0);
        Position { next, lowest: next.unwrap_or(0), registered: 0, looked_at: 0, has_moved: false, highest: 0 }
    }

    /// The `waitIndex` to ask for; 0 means from now on.
    pub fn wait_index(&self) -> u64 {
        self.next.unwrap_or(0)
    }

    /// A request was registered when the store had `index` (0 = the server did not say).
    pub fn registered(&mut self, index: u64) {
        self.highest = self.highest.max(index);
        self.registered = index;
        self.looked_at = index;
        self.has_moved = false;
        // A watch from now on is registered without a look at the history, so everything after this index will come.
        if self.next.is_none() && index > 0 {
            self.next = index.checked_add(1);
        }
        self.lowest = self.wait_index();
    }

    /// Whether a store that is at `index` (0 = nobody knows) has not got as far as it was: its member lags behind, or it has
    /// been set up anew.
    pub fn is_ahead_of(&self, index: u64) -> bool {
        // A store that was set up anew begins at the bottom; a member that lags is never so far behind.
        index > 0 && index < self.highest / 2
    }

    /// Whether the present request cannot bring the event of `index`: it was delivered already.
    pub fn is_past(&self, index: u64) -> bool {
        index < self.lowest
    }

    /// An event has come; its index is the position from now on.
    pub fn event(&mut self, index: u64) -> Result<Origin, Past> {
        if self.is_past(index) {
            return Err(Past { wanted: self.lowest });
        }
        self.next = index.checked_add(1);
        self.lowest = index.saturating_add(1);
        self.highest = self.highest.max(index);
        self.has_moved = true;
        Ok(if index <= self.registered { Origin::History } else { Origin::Live })
    }

    /// After ample time nothing more has come; the store has reached `index` (0 = nobody knows).
    pub fn quiet(&mut self, index: u64) {
        // An event from the history comes at once: there is none.
        if !self.has_moved && self.registered > 0 {
            self.next = self.next.max(self.registered.checked_add(1));
        }
        // What had happened when the store was last looked at would have come since then.
        if self.next.is_some_and(|next| index.saturating_sub(next) > OUT_OF_REACH) {
            self.next = self.next.max(self.looked_at.checked_add(1));
        }
        self.looked_at = index;
    }

    /// The index of the last event that the present request, or the stream beside it, does not bring.
    pub fn live_from(&self) -> u64 {
        self.registered
    }

    /// The first event after the position is known to be that of `index`.
    pub fn nothing_before(&mut self, index: u64) {
        self.next = self.next.max(Some(index));
    }

    /// All the history before the live stream has been read.
    pub fn caught_up(&mut self) {
        self.next = self.next.max(self.registered.checked_add(1));
    }

    /// Whether the history, as far as it is known, may hold events after the position.
    pub fn has_history_to_read(&self) -> bool {
        self.next.is_some_and(|next| next <= self.registered)
    }

    /// The next indexes of which the history may hold events, at most `most` of them.
    pub fn history_to_read(&self, most: u64) -> std::ops::RangeInclusive<u64> {
        let next = self.next.unwrap_or(u64::MAX);
        next..=self.registered.min(next.saturating_add(most.saturating_sub(1)))
    }

    /// Whether the watch has to be registered anew, or its position falls out of the history of a store that has reached `index`.
    pub fn is_far_behind(&self, index: u64) -> bool {
        self.next.is_some_and(|next| (FAR_BEHIND + 1..=OUT_OF_REACH).contains(&index.saturating_sub(next)))
    }

    /// The whole state at `index` has been handed over.
    pub fn state_at(&mut self, index: u64) {
        let next = index.checked_add(1);
        *self = Position {
            next,
            lowest: self.lowest,
            registered: index,
            looked_at: index,
            has_moved: true,
            highest: index,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_from_now_on_starts_behind_the_index_of_the_first_answer() {
        let mut position = Position::after(0);
        assert_eq!(position.wait_index(), 0);
        position.registered(41);
        assert_eq!((position.wait_index(), position.has_history_to_read()), (42, false));
        position.registered(50);
        assert_eq!(position.wait_index(), 42, "a second request must not skip 42 to 50");
    }

    #[test]
    fn a_watch_after_an_index_starts_behind_it_as_in_go() {
        assert_eq!(Position::after(19).wait_index(), 20);
    }

    #[test]
    fn an_event_from_the_history_is_told_from_a_live_one() {
        let mut position = Position::after(10);
        position.registered(20);
        assert_eq!(position.event(15), Ok(Origin::History));
        assert!(position.has_history_to_read());
        assert_eq!(position.event(20), Ok(Origin::History));
        assert!(!position.has_history_to_read());
        assert_eq!(position.event(21), Ok(Origin::Live));
        assert_eq!(position.wait_index(), 22);
    }

    #[test]
    fn the_history_to_read_ends_where_the_store_was() {
        let mut position = Position::after(10);
        position.registered(20);
        assert_eq!(position.history_to_read(4), 11..=14);
        assert_eq!(position.history_to_read(400), 11..=20);
        position.event(20).expect("in front");
        assert!(position.history_to_read(4).is_empty() && Position::after(0).history_to_read(4).is_empty());
    }

    #[test]
    fn an_event_from_before_the_position_is_refused_and_the_position_stays() {
        let mut position = Position::after(10);
        assert_eq!(position.event(10), Err(Past { wanted: 11 }));
        assert_eq!(position.wait_index(), 11);
    }

    #[test]
    fn a_quiet_watch_moves_forward_and_a_moving_one_is_not_thrown_ahead() {
        let mut position = Position::after(10);
        position.registered(700);
        assert!(position.is_far_behind(700));
        position.quiet(700);
        assert_eq!((position.wait_index(), position.is_far_behind(700)), (701, false));
        position.registered(900);
        position.event(800).expect("in front");
        position.quiet(900);
        assert_eq!(position.wait_index(), 801, "802 to 900 may hold more events");
    }

    #[test]
    fn a_watch_that_has_caught_up_stands_where_the_live_stream_begins() {
        let mut position = Position::after(10);
        position.registered(20);
        position.event(12).expect("in front");
        position.caught_up();
        assert_eq!((position.wait_index(), position.has_history_to_read()), (21, false));
        position.event(30).expect("in front");
        position.caught_up();
        assert_eq!(position.wait_index(), 31);
    }

    #[test]
    fn a_late_event_from_the_history_is_still_taken() {
        let mut position = Position::after(10);
        position.registered(20);
        position.quiet(20);
        assert_eq!(position.wait_index(), 21);
        assert_eq!(position.event(12), Ok(Origin::History));
        assert_eq!((position.wait_index(), position.is_past(12), position.is_past(13)), (13, true, false));
    }

    #[test]
    fn a_store_that_outruns_its_history_moves_a_quiet_watch_by_one_look() {
        let mut position = Position::after(10);
        position.registered(1000);
        position.quiet(4000);
        assert_eq!(
            (position.wait_index(), position.is_far_behind(4000)),
            (1001, false),
            "registering anew is too late"
        );
        position.quiet(7000);
        assert_eq!(position.wait_index(), 4001);
        position.event(6900).expect("late, but in front of what was looked at");
        assert_eq!(position.wait_index(), 6901);
    }

    #[test]
    fn a_store_that_has_gone_back_is_noticed_and_what_the_caller_asked_for_is_no_proof_of_it() {
        let mut position = Position::after(1000);
        position.registered(50);
        assert!(!position.is_ahead_of(50), "the caller may wait for the future");
        position.event(1001).expect("in front");
        assert!(position.is_ahead_of(499) && !position.is_ahead_of(1000) && !position.is_ahead_of(0));
        position.state_at(7);
        assert!(!position.is_ahead_of(7), "a new beginning");
    }

    #[test]
    fn a_lagging_member_does_not_move_it_back() {
        let mut position = Position::after(100);
        position.registered(50);
        position.quiet(50);
        assert_eq!(position.wait_index(), 101);
    }

    #[test]
    fn the_last_index_of_all_does_no_harm() {
        let mut position = Position::after(u64::MAX);
        position.registered(u64::MAX);
        position.quiet(u64::MAX);
        assert!(position.event(u64::MAX).is_ok());
    }
}
