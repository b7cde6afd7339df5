//! Small disks in memory that are mounted nowhere and that can be filled up.

use std::ffi::{CStr, c_long};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::PathBuf;
use std::process;

use super::{Fault, Laboratory, Skipped};

/// An etcd reserves two files of 64 MB for its log, and under load it writes many snapshots before it removes old ones,
/// which it does every 30 seconds.
const SIZE: &CStr = c"512m";

/// The name of the file that takes what is free.
const FILLER: &str = "filler";

/// fsconfig's commands, which libc does not name.
const FSCONFIG_SET_STRING: c_long = 1;
const FSCONFIG_CMD_CREATE: c_long = 6;

/// A file system of its own, reachable only by a descriptor; it ends with the last process that uses it.
#[derive(Debug)]
pub(crate) struct Disk {
    mount: OwnedFd,
}

impl Disk {
    /// An empty one.
    pub(crate) fn new() -> io::Result<Self> {
        let context = open_context(c"tmpfs")?;
        configure(&context, FSCONFIG_SET_STRING, Some((c"size", SIZE)))?;
        configure(&context, FSCONFIG_SET_STRING, Some((c"mode", c"0700")))?;
        configure(&context, FSCONFIG_CMD_CREATE, None)?;
        Ok(Self { mount: mount(&context)? })
    }

    /// Where other processes find it.
    pub(crate) fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", process::id(), self.mount.as_raw_fd()).into()
    }

    /// Takes all that is free.
    fn fill(&self) -> io::Result<()> {
        let mut filler = File::create(self.path().join(FILLER))?;
        // The small blocks take what the last big one left.
        for block in [vec![0; 1 << 20], vec![0; 4096]] {
            loop {
                match filler.write_all(&block) {
                    Ok(()) => (),
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    fn give_back(&self) -> io::Result<()> {
        fs::remove_file(self.path().join(FILLER))
    }
}

impl Laboratory {
    /// Fills a member's disk up: it goes on in the space that it has reserved, and dies when it needs more, which is
    /// at its next snapshot at the latest, 500 writes later. The end gives the space back, and starts no member.
    pub fn fill_disk(&self, number: usize) -> Result<Fault<'_>, Skipped> {
        let disk = self.network("a full disk")?.host(number).disk();
        disk.fill().expect("fill a disk up");
        Ok(Fault::new(format!("the disk of member {number} is full"), move || {
            disk.give_back().expect("give the space back");
        }))
    }
}

fn open_context(kind: &CStr) -> io::Result<OwnedFd> {
    // SAFETY: the string ends with a NUL and outlives the call.
    descriptor(unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), libc::FSOPEN_CLOEXEC) })
}

fn configure(context: &OwnedFd, command: c_long, setting: Option<(&CStr, &CStr)>) -> io::Result<()> {
    let null = std::ptr::null();
    let (key, value) = setting.map_or((null, null), |(key, value)| (key.as_ptr(), value.as_ptr()));
    // SAFETY: the strings end with a NUL and outlive the call, and NULL is right for the commands without a setting.
    let answer = unsafe { libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), command, key, value, 0) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn mount(context: &OwnedFd) -> io::Result<OwnedFd> {
    // SAFETY: the call takes no pointers.
    descriptor(unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), libc::FSMOUNT_CLOEXEC, 0) })
}

/// Owns the descriptor that a system call answered with.
fn descriptor(answer: c_long) -> io::Result<OwnedFd> {
    match i32::try_from(answer) {
        // SAFETY: the kernel has just opened it for this caller alone.
        Ok(number @ 0..) => Ok(unsafe { OwnedFd::from_raw_fd(number) }),
        _ => Err(io::Error::last_os_error()),
    }
}
