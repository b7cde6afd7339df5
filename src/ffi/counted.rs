//! Handles of objects that the library may still need, and still show to the application, when the application has freed
//! them: the same pointer as long as anybody has it.

use std::ops::Deref;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::handle::{self, FREED, Handle, Object};

/// A share in such an object.
pub struct Counted<H: Handle>(Arc<Slot<H::Value>>);

/// It starts as every object does, so that `handle::borrow` can read it.
#[repr(C)]
struct Slot<V> {
    object: Object<V>,
    /// C gives back what it got once.
    is_freed: AtomicBool,
}

impl<V> Drop for Slot<V> {
    fn drop(&mut self) {
        // SAFETY: the tag is ours to write; volatile, so that the optimiser keeps it for a handle that is used too late.
        unsafe { ptr::write_volatile(&raw mut self.object.tag, FREED) };
    }
}

impl<H: Handle> Counted<H> {
    pub fn new(value: H::Value) -> Counted<H> {
        Counted(Arc::new(Slot { object: Object { tag: H::TAG, value }, is_freed: AtomicBool::new(false) }))
    }

    /// As C knows it, lent for as long as this share lives.
    pub fn handle(&self) -> *mut H {
        Arc::as_ptr(&self.0).cast_mut().cast()
    }

    /// Gives this share to C; `take` gets it back.
    pub fn give(self) -> *mut H {
        Arc::into_raw(self.0).cast_mut().cast()
    }
}

impl<H: Handle> Clone for Counted<H> {
    fn clone(&self) -> Counted<H> {
        Counted(self.0.clone())
    }
}

impl<H: Handle> Deref for Counted<H> {
    type Target = H::Value;

    fn deref(&self) -> &H::Value {
        &self.0.object.value
    }
}

/// A share of its own in what C has; None for NULL and for a handle of another type.
///
/// # Safety
/// `handle` is NULL, or an object of this library that is not freed meanwhile; one of type `H` came from `Counted`.
pub unsafe fn share<H: Handle>(handle: *const H) -> Option<Counted<H>> {
    // SAFETY: the caller's promise.
    unsafe { handle::borrow(handle) }?;
    let slot = handle.cast::<Slot<H::Value>>();
    // SAFETY: the tag was right, so it came from `Arc::into_raw` or `as_ptr`, and is alive.
    unsafe {
        Arc::increment_strong_count(slot);
        Some(Counted(Arc::from_raw(slot)))
    }
}

/// Takes back the share that C was given. None for NULL, another type, or what was given back already.
///
/// # Safety
/// As for `share`; afterwards the handle is gone, but for those who still have a share.
pub unsafe fn take<H: Handle>(handle: *mut H) -> Option<Counted<H>> {
    // SAFETY: the caller's promise.
    unsafe { handle::borrow(handle.cast_const()) }?;
    let slot = handle.cast_const().cast::<Slot<H::Value>>();
    // SAFETY: as in `share`; the flag says that C's share is taken once.
    unsafe {
        if (*slot).is_freed.swap(true, Ordering::AcqRel) {
            return None;
        }
        Some(Counted(Arc::from_raw(slot)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Plum;
    impl Handle for Plum {
        type Value = String;
        const TAG: u64 = 0x706c_756d;
    }

    #[test]
    fn a_handle_that_c_has_freed_is_the_same_for_who_still_has_a_share() {
        let plum = Counted::<Plum>::new("blue".into());
        let ours = plum.clone();
        let handle = plum.give();
        // SAFETY: `ours` keeps the object alive.
        unsafe {
            assert_eq!(share(handle).expect("a plum").as_str(), "blue");
            drop(take(handle).expect("C's share"));
            assert!(take(handle).is_none(), "freed twice");
            assert_eq!(ours.handle(), handle);
            assert_eq!(handle::borrow(handle).expect("a plum"), "blue");
        }
    }

    #[test]
    fn null_is_nothing() {
        // SAFETY: NULL is allowed.
        unsafe {
            assert!(share(ptr::null::<Plum>()).is_none());
            assert!(take(ptr::null_mut::<Plum>()).is_none());
        }
    }
}
