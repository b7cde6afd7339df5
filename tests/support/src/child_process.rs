//! Child processes that die with the test process, and the signals that tests send to them.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Sender};
use std::thread;

/// A command to start, and where to report the outcome.
type Order = (Command, Sender<io::Result<Child>>);

/// Starts `command` so that the kernel kills the child when this process ends, in whatever way it ends.
///
/// The kernel ties that promise to the *thread* that forked, not to the process. Test threads come and go, so one
/// thread that lives as long as the process starts all children.
pub fn spawn_for_life(mut command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Sender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(start_spawner);
    let parent = std::process::id();
    // SAFETY: the closure runs between fork and exec and makes only async-signal-safe calls.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            // The parent may have died before the line above: then nobody is left to kill this child.
            if u32::try_from(libc::getppid()) != Ok(parent) {
                libc::_exit(1);
            }
            Ok(())
        });
    }
    let (report, outcome) = mpsc::channel();
    spawner.send((command, report)).expect("the spawner lives as long as the process");
    outcome.recv().expect("the spawner answers each order")
}

fn start_spawner() -> Sender<Order> {
    let (orders, incoming) = mpsc::channel::<Order>();
    thread::Builder::new()
        .name("spawner".into())
        .spawn(move || {
            for (mut command, report) in incoming {
                // Whoever ordered waits for the report; if it is gone, so is the need for an answer.
                let _ = report.send(command.spawn());
            }
        })
        .expect("start the spawner thread");
    orders
}

/// A change of a child's state that can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It ended.
    Exit,
    /// Every thread of it was stopped, or it ended.
    Stop,
    /// It goes on after a stop, or it ended.
    Continue,
}

/// Sends `signal` to a child that has not been waited for yet.
pub fn signal(child: &Child, signal: i32) {
    send(pid_of(child), signal);
}

/// Sends SIGKILL to the process group that the child leads.
pub fn kill_group(child: &Child) {
    send(-pid_of(child), libc::SIGKILL);
}

/// Blocks until the child's state has changed, and leaves it to [`Child::wait`] to collect the child.
pub fn wait_for_change(child: &Child, change: Change) {
    wait_for_change_of(child.id(), change);
}

/// [`wait_for_change`] for a thread that does not hold the child; the child must not be collected meanwhile.
pub(crate) fn wait_for_change_of(pid: u32, change: Change) {
    let options = libc::WEXITED
        | libc::WNOWAIT
        | match change {
            Change::Exit => 0,
            Change::Stop => libc::WSTOPPED,
            Change::Continue => libc::WCONTINUED,
        };
    loop {
        // SAFETY: siginfo_t is plain data for which all zeroes is a valid value.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: `info` is valid for writes for the whole call.
        if unsafe { libc::waitid(libc::P_PID, pid, &mut info, options) } == 0 {
            return;
        }
        let error = io::Error::last_os_error();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted, "cannot wait for child {pid}: {error}");
    }
}

fn pid_of(child: &Child) -> libc::pid_t {
    libc::pid_t::try_from(child.id()).expect("a process id fits")
}

fn send(target: libc::pid_t, signal: i32) {
    // SAFETY: kill touches no memory; the child has not been collected, so its id cannot belong to another process.
    let answer = unsafe { libc::kill(target, signal) };
    let error = io::Error::last_os_error();
    // A group whose processes all ended is no failure.
    assert!(answer == 0 || error.raw_os_error() == Some(libc::ESRCH), "cannot send {signal} to {target}: {error}");
}
