//! How long one attempt may take: header timeout and connect timeout; and how long it is waited for alone: a fair share of
//! what is left of the deadline.

use std::time::{Duration, Instant};

/// A point in time with the reason that a message names when it passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub at: Instant,
    pub reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    ConnectTimeout,
    HeaderTimeout,
}

/// What an attempt has to know about time.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    pub deadline: Option<Instant>,
    /// When another endpoint is asked, if there is one.
    pub share: Option<Instant>,
    pub header_timeout: Option<Duration>,
    pub connect_timeout: Option<Duration>,
    /// Whether the request may be sent again after it has been sent.
    pub may_resend: bool,
}

impl Budget {
    /// Until the connection is there.
    pub fn connect_limit(&self, now: Instant, hop_started: Instant) -> Option<Limit> {
        let connect = limit(now, self.connect_timeout, Reason::ConnectTimeout);
        [connect, self.header_limit(hop_started)].into_iter().flatten().min_by_key(|limit| limit.at)
    }

    /// Until the headers are there. The header timeout counts from the start of each hop and covers connect, TLS, send and
    /// headers, not the body.
    pub fn header_limit(&self, hop_started: Instant) -> Option<Limit> {
        limit(hop_started, self.header_timeout, Reason::HeaderTimeout)
    }
}

fn limit(from: Instant, after: Option<Duration>, reason: Reason) -> Option<Limit> {
    Some(Limit { at: from.checked_add(after?)?, reason })
}

/// How long one endpoint may keep a call waiting before another one is asked as well, with a deadline or without.
pub const LONGEST_SHARE: Duration = Duration::from_secs(5);

/// Nothing is asked a second time for less than this.
pub const SHORTEST_SECOND_TRY: Duration = Duration::from_millis(250);

/// The fair share of one of `left` endpoints in what is `remaining` of the deadline. With `spare`, as much is set aside for
/// asking once more: etcd loses a request without a word when the leader dies that it was handed to.
pub fn fair_share(remaining: Option<Duration>, left: usize, spare: bool) -> Duration {
    let Some(remaining) = remaining else { return LONGEST_SHARE };
    let left = u32::try_from(left.max(1)).unwrap_or(u32::MAX);
    let with_spare = remaining.checked_div(left.saturating_add(1)).unwrap_or_default();
    let share = match spare && with_spare >= SHORTEST_SECOND_TRY {
        true => with_spare,
        false => remaining.checked_div(left).unwrap_or_default(),
    };
    share.min(LONGEST_SHARE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn each_endpoint_gets_a_fair_share_of_what_is_left_and_as_much_is_spared_for_asking_again() {
        assert_eq!(fair_share(Some(6 * SECOND), 3, false), 2 * SECOND);
        assert_eq!(fair_share(Some(6 * SECOND), 2, true), 2 * SECOND);
    }

    #[test]
    fn nothing_is_spared_from_a_short_deadline() {
        assert_eq!(fair_share(Some(SECOND / 4), 1, true), SECOND / 4);
    }

    #[test]
    fn a_share_is_never_longer_than_patience_lasts() {
        assert_eq!(fair_share(None, 3, true), LONGEST_SHARE);
        assert_eq!(fair_share(Some(1000 * SECOND), 1, false), LONGEST_SHARE);
    }

    #[test]
    fn the_header_timeout_counts_from_the_start_of_the_hop() {
        let started = Instant::now();
        let budget = Budget {
            deadline: None,
            share: None,
            header_timeout: Some(SECOND),
            connect_timeout: None,
            may_resend: true,
        };
        let limit = Limit { at: started + SECOND, reason: Reason::HeaderTimeout };
        assert_eq!(budget.header_limit(started), Some(limit));
        assert_eq!(budget.connect_limit(started + SECOND / 2, started), Some(limit));
    }
}
