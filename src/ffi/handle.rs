//! Handles: what C sees as an opaque pointer. Each carries a tag that tells its type, so that a handle of the
//! wrong type, which is a bare pointer in Ruby or Python, is refused and not read as something else.

use std::ptr;

/// An opaque C type and the Rust value behind it.
pub trait Handle: Sized {
    type Value;
    /// Different for every type.
    const TAG: u64;

    /// Whether another process made it, so that its locks may be held for ever by threads that are not in this one.
    fn is_inherited(_value: &Self::Value) -> bool {
        false
    }
}

/// What a handle points to.
#[repr(C)]
#[derive(Debug)]
pub struct Object<V> {
    pub(super) tag: u64,
    pub(super) value: V,
}

/// Marks an object that belongs to another one: it can be read, and freeing it does nothing.
const BORROWED: u64 = 1 << 63;

/// Overwrites the tag of a freed object, so that a second free is noticed while the memory is untouched.
pub(super) const FREED: u64 = 0xdead_dead_dead_dead;

impl<V> Object<V> {
    /// An object inside another one, handed out as `const` pointer.
    pub fn borrowed<H: Handle<Value = V>>(value: V) -> Object<V> {
        Object { tag: H::TAG | BORROWED, value }
    }
}

/// The handle of an object in a list.
pub fn element<H: Handle>(objects: &[Object<H::Value>], position: usize) -> Option<*const H> {
    (position < objects.len()).then(|| objects.as_ptr().wrapping_add(position).cast())
}

/// The handle of an object that stands inside another one.
pub fn inside<H: Handle>(object: &Object<H::Value>) -> *const H {
    ptr::from_ref(object).cast()
}

/// The position of a handle in its list; None where it stands before it.
pub fn position<H: Handle>(objects: &[Object<H::Value>], handle: *const H) -> Option<usize> {
    Some(handle.addr().checked_sub(objects.as_ptr().addr())? / size_of::<Object<H::Value>>())
}

/// Gives the value to C; `take` gets it back.
pub fn give<H: Handle>(value: H::Value) -> *mut H {
    Box::into_raw(Box::new(Object { tag: H::TAG, value })).cast()
}

/// The value behind a handle; None for NULL and for a handle of another type.
///
/// # Safety
/// `handle` is NULL or points to an object of this library that is not freed while the borrow lasts.
pub unsafe fn borrow<'a, H: Handle>(handle: *const H) -> Option<&'a H::Value> {
    let object = handle.cast::<Object<H::Value>>();
    if object.is_null() {
        return None;
    }
    // SAFETY: every object of this library starts with its tag.
    let tag = unsafe { ptr::read(object.cast::<u64>()) };
    if tag & !BORROWED != H::TAG {
        return None;
    }
    // SAFETY: the tag says that it is an object of this type.
    Some(unsafe { &(*object).value })
}

/// Like `borrow`, for objects that one thread at a time may change. None for a borrowed object too, which others may read.
///
/// # Safety
/// As for `borrow`, and no other borrow of the same object exists.
pub unsafe fn borrow_mut<'a, H: Handle>(handle: *mut H) -> Option<&'a mut H::Value> {
    // SAFETY: the caller's promise.
    unsafe { borrow(handle.cast_const()) }?;
    let object = handle.cast::<Object<H::Value>>();
    // SAFETY: the tag was right, so there is an object.
    if unsafe { (*object).tag } & BORROWED != 0 {
        return None;
    }
    // SAFETY: as above, and the caller promises that nobody else has it.
    Some(unsafe { &mut (*object).value })
}

/// Takes the value back from C, to be dropped. None for NULL, a borrowed object or another type.
///
/// # Safety
/// As for `borrow`; afterwards the handle is gone.
pub unsafe fn take<H: Handle>(handle: *mut H) -> Option<H::Value> {
    // SAFETY: the caller's promise.
    unsafe { borrow(handle.cast_const()) }?;
    let object = handle.cast::<Object<H::Value>>();
    // SAFETY: the tag was right, so `give` made it or it stands inside another object.
    if unsafe { (*object).tag } & BORROWED != 0 {
        return None;
    }
    // SAFETY: `give` made it with Box; the tag is overwritten through a volatile write, which the optimiser keeps.
    let object = unsafe {
        ptr::write_volatile(object.cast::<u64>(), FREED);
        Box::from_raw(object)
    };
    Some(object.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Apple;
    impl Handle for Apple {
        type Value = String;
        const TAG: u64 = 0x6170_706c;
    }

    struct Pear;
    impl Handle for Pear {
        type Value = String;
        const TAG: u64 = 0x7065_6172;
    }

    #[test]
    fn what_is_given_can_be_read_changed_and_taken_back() {
        let apple = give::<Apple>("red".into());
        // SAFETY: `apple` was given above and is used by this thread only.
        unsafe {
            borrow_mut(apple).expect("an apple").push('!');
            assert_eq!(borrow(apple).expect("an apple"), "red!");
            assert_eq!(take(apple).expect("an apple"), "red!");
        }
    }

    #[test]
    fn null_and_other_types_are_refused() {
        let apple = give::<Apple>("red".into());
        // SAFETY: `apple` is alive; as a pear its tag is wrong.
        unsafe {
            assert!(borrow(apple.cast::<Pear>()).is_none());
            assert!(take(apple.cast::<Pear>()).is_none());
            assert!(borrow(ptr::null::<Apple>()).is_none());
            assert!(take(ptr::null_mut::<Apple>()).is_none());
            take(apple);
        }
    }

    #[test]
    fn a_borrowed_object_can_be_neither_changed_nor_freed() {
        let objects = [Object::borrowed::<Apple>("green".into()), Object::borrowed::<Apple>("red".into())];
        let handle = element::<Apple>(&objects, 1).expect("an element");
        assert_eq!(position(&objects, handle), Some(1));
        // SAFETY: `objects` lives on this stack.
        unsafe {
            assert!(borrow_mut(handle.cast_mut()).is_none());
            assert!(take(handle.cast_mut()).is_none());
            assert_eq!(borrow(handle).expect("an apple"), "red");
        }
    }
}
