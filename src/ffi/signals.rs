//! Signal masks around the creation of our own threads.

/// Runs `body` with every signal blocked on this thread, and restores the caller's mask. A thread made
/// inside inherits the full mask, so there is no moment at which a signal could reach it.
#[cfg(unix)]
pub fn with_all_blocked<T>(body: impl FnOnce() -> T) -> T {
    struct Restore(libc::sigset_t);
    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: the set was filled by pthread_sigmask below; a null third argument is allowed.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut()) };
        }
    }
    let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigfillset initialises `all`, and pthread_sigmask initialises `before` when it returns 0.
    let restore = unsafe {
        libc::sigfillset(all.as_mut_ptr());
        let changed = libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) == 0;
        changed.then(|| Restore(before.assume_init()))
    };
    let result = body();
    drop(restore);
    result
}

#[cfg(not(unix))]
pub fn with_all_blocked<T>(body: impl FnOnce() -> T) -> T {
    body()
}
