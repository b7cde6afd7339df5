//! A descriptor that an event loop can watch: readable while there is something to do.

use crate::rt::callback_queue::Signal;

/// An eventfd, where there is one.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

    pub struct Readiness(File);

    impl Readiness {
        /// None when the process has no descriptor left.
        pub fn new() -> Option<Readiness> {
            // SAFETY: takes no pointers.
            let descriptor = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
            // SAFETY: it was just made, and nobody else has it.
            (descriptor >= 0).then(|| Readiness(unsafe { OwnedFd::from_raw_fd(descriptor) }.into()))
        }

        pub fn descriptor(&self) -> i32 {
            self.0.as_raw_fd()
        }

        pub(super) fn raise(&self) {
            let _ = (&self.0).write(&1u64.to_ne_bytes());
        }

        /// One read takes the whole count.
        pub(super) fn lower(&self) {
            let _ = (&self.0).read(&mut [0; 8]);
        }
    }
}

/// A pipe on other Unix systems.
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
mod system {
    use std::io::{PipeReader, PipeWriter, Read, Write};
    use std::os::fd::AsRawFd;

    pub struct Readiness(PipeReader, PipeWriter);

    impl Readiness {
        /// None when the process has no descriptor left.
        pub fn new() -> Option<Readiness> {
            let (reader, writer) = std::io::pipe().ok()?;
            for descriptor in [reader.as_raw_fd(), writer.as_raw_fd()] {
                // SAFETY: takes no pointers, and the descriptor is ours.
                unsafe { libc::fcntl(descriptor, libc::F_SETFL, libc::O_NONBLOCK) };
            }
            Some(Readiness(reader, writer))
        }

        pub fn descriptor(&self) -> i32 {
            self.0.as_raw_fd()
        }

        pub(super) fn raise(&self) {
            let _ = (&self.1).write(&[1]);
        }

        pub(super) fn lower(&self) {
            while matches!((&self.0).read(&mut [0; 64]), Ok(64)) {}
        }
    }
}

/// Windows has none: a program waits in `etcd_queue_poll`.
#[cfg(not(unix))]
mod system {
    pub struct Readiness(std::convert::Infallible);

    impl Readiness {
        pub fn new() -> Option<Readiness> {
            None
        }

        pub fn descriptor(&self) -> i32 {
            match self.0 {}
        }

        pub(super) fn raise(&self) {}

        pub(super) fn lower(&self) {}
    }
}

pub use system::Readiness;

impl Signal for Readiness {
    fn raise(&self) {
        system::Readiness::raise(self);
    }

    fn lower(&self) {
        system::Readiness::lower(self);
    }
}
