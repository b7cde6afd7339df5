//! A disk that takes its time.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{Fault, Laboratory, Skipped};
use crate::child_process;
use crate::waiting::wait_for;

/// The calls by which etcd waits for the disk.
const SYNCS: &str = "fsync,fdatasync";

impl Laboratory {
    /// Makes each sync of a member's data take so much longer, by `strace`. Under it the member is somewhat slower in
    /// everything; it may be killed meanwhile, after which the new process is fast, but do not freeze it.
    pub fn slow_disk(&self, number: usize, delay: Duration) -> Result<Fault<'_>, Skipped> {
        let what = format!("the disk of member {number} is {delay:?} slower");
        let pid = self.member(number).pid().expect("only a living member has a slow disk");
        let inject = format!("inject={SYNCS}:delay_enter={}", delay.as_micros());
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={SYNCS}"), "-e", &inject]);
        command.args(["-p", &pid.to_string()]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut tracer = match child_process::spawn_for_life(command) {
            Ok(tracer) => tracer,
            Err(error) => return Err(Skipped::because(&what, &format!("strace cannot be run: {error}"))),
        };
        let attached = wait_for("strace has each thread of the member, or ends", || {
            let ended = tracer.try_wait().expect("look at strace").is_some();
            if ended { Some(false) } else { is_traced(pid).then_some(true) }
        });
        if !attached {
            return Err(Skipped::because(&what, "strace may not look at the member"));
        }
        Ok(Fault::new(what, move || let_go(tracer)))
    }
}

/// Whether somebody traces each thread of a process.
fn is_traced(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let mut states = threads.filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
    states.all(|state| !state.contains("TracerPid:\t0\n"))
}

/// Ends strace, which leaves the member running.
fn let_go(mut tracer: Child) {
    child_process::signal(&tracer, libc::SIGTERM);
    tracer.wait().expect("collect strace");
}
