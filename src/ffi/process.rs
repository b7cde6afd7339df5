//! The number of this process. Every call asks for it, to notice a fork: `getpid` would be a system call each time.

/// A page that the system clears in the child of a fork, however that was made.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod page {
    use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

    const SIZE: usize = 4096;

    /// In memory of the library itself, so that it goes with it when it is unloaded.
    #[repr(C, align(4096))]
    struct Page {
        id: AtomicU32,
        rest: [u8; SIZE - size_of::<AtomicU32>()],
    }

    static PAGE: Page = Page { id: AtomicU32::new(0), rest: [0; SIZE - size_of::<AtomicU32>()] };

    const UNKNOWN: u8 = 0;
    const CLEARED_BY_FORKS: u8 = 1;
    const USELESS: u8 = 2;

    static STATE: AtomicU8 = AtomicU8::new(UNKNOWN);

    pub fn id() -> u32 {
        match STATE.load(Ordering::Acquire) {
            CLEARED_BY_FORKS => {}
            USELESS => return std::process::id(),
            _ if prepare() => {}
            _ => return std::process::id(),
        }
        match PAGE.id.load(Ordering::Relaxed) {
            0 => {
                let id = std::process::id();
                PAGE.id.store(id, Ordering::Relaxed);
                id
            }
            id => id,
        }
    }

    /// Where pages are larger, others' data would be in it and be cleared too. Systems older than Linux 4.14 refuse. Several
    /// threads may do it at once.
    #[cold]
    fn prepare() -> bool {
        // SAFETY: takes no pointers.
        let is_whole_page =
            usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).is_ok_and(|size| size == SIZE);
        let page = std::ptr::from_ref(&PAGE).cast_mut().cast();
        // SAFETY: it is exactly our own page, of which nothing but this process's number is read.
        let is_ready = is_whole_page && unsafe { libc::madvise(page, SIZE, libc::MADV_WIPEONFORK) } == 0;
        STATE.store(if is_ready { CLEARED_BY_FORKS } else { USELESS }, Ordering::Release);
        is_ready
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub use page::id;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub use std::process::id;

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_the_systems_number() {
        for _ in 0..2 {
            assert_eq!(super::id(), std::process::id());
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_child_of_a_fork_has_another_one() {
        let ours = super::id();
        // SAFETY: the child calls nothing that could wait for a thread which is not there.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let is_another = super::id() != ours && super::id() == std::process::id();
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(if is_another { 0 } else { 1 }) };
        }
        let mut status = -1;
        // SAFETY: the status lives on this stack.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0);
    }
}
