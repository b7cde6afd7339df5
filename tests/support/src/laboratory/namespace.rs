//! Network namespaces that have no name and that end with their last user.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::panic;
use std::process::{self, Command, Stdio};
use std::sync::Arc;
use std::thread;

/// A network namespace; it lives as long as this object, its threads and its processes.
#[derive(Clone, Debug)]
pub(crate) struct Namespace {
    file: Arc<File>,
}

impl Namespace {
    /// An empty one, whose loopback device is not up yet.
    pub(crate) fn new() -> io::Result<Self> {
        let make = || {
            // SAFETY: unshare touches no memory, and it changes this new thread alone.
            if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
                return Err(io::Error::last_os_error());
            }
            File::open("/proc/thread-self/ns/net")
        };
        let file = thread::scope(|scope| scope.spawn(make).join().expect("the thread that makes a namespace"))?;
        Ok(Self { file: Arc::new(file) })
    }

    /// Runs `work` on a thread that is inside; its panic passes on.
    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        // A panic is reported under the name of the test that it belongs to.
        let name = thread::current().name().unwrap_or("in-a-namespace").to_owned();
        let outcome = thread::scope(|scope| {
            let inside = || {
                switch_to(&self.file).expect("enter a network namespace");
                work()
            };
            thread::Builder::new().name(name).spawn_scoped(scope, inside).expect("start a thread").join()
        });
        outcome.unwrap_or_else(|panic| panic::resume_unwind(panic))
    }

    /// The command will run inside.
    pub(crate) fn confine(&self, command: &mut Command) {
        let file = Arc::clone(&self.file);
        // SAFETY: the closure makes one system call between fork and exec, which is async-signal-safe.
        unsafe { command.pre_exec(move || switch_to(&file)) };
    }

    /// Runs a tool inside to its end, with that input; its complaint is the error.
    pub(crate) fn run(&self, tool: &str, arguments: &[&str], input: &str) -> Result<(), String> {
        let mut command = Command::new(tool);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.confine(&mut command);
        let mut child = command.spawn().map_err(|error| format!("cannot run {tool}: {error}"))?;
        // A tool that ended early says why on stderr.
        let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
        let output = child.wait_with_output().map_err(|error| format!("cannot wait for {tool}: {error}"))?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(()) } else { Err(format!("{tool} {}: {complaint}", arguments.join(" "))) }
    }

    /// Runs lines of `ip` inside.
    pub(crate) fn ip(&self, lines: &[String]) -> Result<(), String> {
        self.run("ip", &["-batch", "-"], &(lines.join("\n") + "\n"))
    }

    /// A path by which other processes find it.
    pub(crate) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", process::id(), self.file.as_raw_fd())
    }
}

/// Moves this thread into a namespace.
fn switch_to(namespace: &File) -> io::Result<()> {
    // SAFETY: setns touches no memory, and the descriptor is open for the whole call.
    let answer = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
