//! Out-parameters: set once, and only where the caller wants them.

/// # Safety
/// `out` is NULL or points to writable memory for a `T`.
pub unsafe fn put<T>(out: *mut T, value: T) {
    if !out.is_null() {
        // SAFETY: not NULL, so writable; what was there is not dropped, it was never ours.
        unsafe { out.write(value) };
    }
}
