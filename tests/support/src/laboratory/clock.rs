//! A wall clock that jumps.

use super::vdso::ClockFunction;
use super::{Fault, Laboratory, Skipped};
use crate::etcd_server::EtcdServer;
use crate::waiting::wait_for;

impl Laboratory {
    /// Moves the wall clock of a member by so many seconds, forward or back, until the end or the process's death. No
    /// other process sees it, and the monotonic clock goes on, as with a clock that somebody sets.
    pub fn jump_clock(&self, number: usize, seconds: i64) -> Result<Fault<'_>, Skipped> {
        let what = format!("the clock of member {number} is {seconds} s off");
        let member = self.member(number);
        let pid = member.pid().expect("only a living member has a clock");
        let clock = ClockFunction::of(pid).map_err(|why| Skipped::because(&what, &why))?;
        let code = ClockFunction::with_offset(seconds);
        let old = while_unused(member, &clock, || clock.replace(&code));
        let old = old.map_err(|error| Skipped::because(&what, &format!("its memory cannot be written: {error}")))?;
        Ok(Fault::new(what, move || {
            // A new process has the kernel's own clock.
            if member.pid() == Some(pid) && !member.has_ended() {
                while_unused(member, &clock, || clock.replace(&old)).expect("put the clock right");
            }
        }))
    }
}

/// Stops a member where none of its threads is reading the clock.
fn while_unused<T>(member: &EtcdServer, clock: &ClockFunction, change: impl Fn() -> T) -> T {
    wait_for("no thread of the member is reading the clock", || {
        member.stop_process();
        let changed = (clock.is_unused() == Some(true)).then(&change);
        member.continue_process();
        changed
    })
}
