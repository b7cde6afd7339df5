//! How long one attempt may take: header timeout, connect timeout, and a fair share of what is left of the deadline.

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
    FairShare,
}

/// What an attempt has to know about time.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    pub deadline: Option<Instant>,
    pub header_timeout: Option<Duration>,
    pub connect_timeout: Option<Duration>,
    /// The endpoint being tried included.
    pub endpoints_left: usize,
    /// Whether another endpoint may be asked after the request has been sent.
    pub may_resend: bool,
}

impl Budget {
    /// Until the connection is there. Nothing is sent yet, so every operation may go on to the next endpoint.
    pub fn connect_limit(&self, now: Instant, hop_started: Instant) -> Option<Limit> {
        let connect = limit(now, self.connect_timeout, Reason::ConnectTimeout);
        earliest([connect, self.header_limit(hop_started), self.fair_share(now)])
    }

    /// Until the headers are there. What must not be sent twice gains nothing from giving up early, so it
    /// may wait for the whole deadline.
    pub fn answer_limit(&self, now: Instant, hop_started: Instant) -> Option<Limit> {
        let share = if self.may_resend { self.fair_share(now) } else { None };
        earliest([self.header_limit(hop_started), share])
    }

    /// Until the next piece of the body.
    pub fn body_limit(&self, now: Instant) -> Option<Limit> {
        if self.may_resend { self.fair_share(now) } else { None }
    }

    /// The header timeout counts from the start of each hop and covers connect, TLS, send and headers.
    fn header_limit(&self, hop_started: Instant) -> Option<Limit> {
        limit(hop_started, self.header_timeout, Reason::HeaderTimeout)
    }

    /// The last endpoint needs no share: the deadline itself ends the call.
    fn fair_share(&self, now: Instant) -> Option<Limit> {
        let left = u32::try_from(self.endpoints_left).ok().filter(|left| *left > 1)?;
        let remaining = self.deadline?.saturating_duration_since(now);
        limit(now, remaining.checked_div(left), Reason::FairShare)
    }
}

fn limit(from: Instant, after: Option<Duration>, reason: Reason) -> Option<Limit> {
    Some(Limit { at: from.checked_add(after?)?, reason })
}

fn earliest<const COUNT: usize>(limits: [Option<Limit>; COUNT]) -> Option<Limit> {
    limits.into_iter().flatten().min_by_key(|limit| limit.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn budget(now: Instant, endpoints_left: usize) -> Budget {
        Budget {
            deadline: Some(now + 6 * SECOND),
            header_timeout: None,
            connect_timeout: None,
            endpoints_left,
            may_resend: true,
        }
    }

    #[test]
    fn each_endpoint_gets_a_fair_share_of_what_is_left() {
        let now = Instant::now();
        let share = budget(now, 3).answer_limit(now, now).expect("limited");
        assert_eq!(share, Limit { at: now + 2 * SECOND, reason: Reason::FairShare });
    }

    #[test]
    fn the_last_endpoint_may_use_all_that_is_left() {
        let now = Instant::now();
        assert_eq!(budget(now, 1).answer_limit(now, now), None);
    }

    #[test]
    fn what_must_not_be_sent_twice_shares_only_the_time_to_connect() {
        let now = Instant::now();
        let one_shot = Budget { may_resend: false, ..budget(now, 2) };
        assert!(one_shot.connect_limit(now, now).is_some());
        assert_eq!(one_shot.answer_limit(now, now), None);
    }

    #[test]
    fn the_header_timeout_counts_from_the_start_of_the_hop() {
        let started = Instant::now();
        let budget = Budget { header_timeout: Some(SECOND), ..budget(started, 1) };
        let later = started + SECOND / 2;
        assert_eq!(
            budget.answer_limit(later, started),
            Some(Limit { at: started + SECOND, reason: Reason::HeaderTimeout })
        );
        assert_eq!(budget.body_limit(later), None);
    }

    #[test]
    fn without_a_deadline_there_is_no_share() {
        let now = Instant::now();
        let budget = Budget { deadline: None, ..budget(now, 3) };
        assert_eq!(budget.answer_limit(now, now), None);
    }
}
