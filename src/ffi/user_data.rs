//! The application's pointer that comes back with its callbacks, and the function that frees it.

use std::ffi::c_void;

/// `etcd_drop_fn`.
pub type DropFn = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// Calls `drop` exactly once, when the last callback that could use the pointer is gone.
#[derive(Debug)]
pub struct UserData {
    pointer: *mut c_void,
    drop: DropFn,
}

// SAFETY: the header says that callbacks and drop may run on any thread; the pointer is only handed back to them.
unsafe impl Send for UserData {}
// SAFETY: as above; nothing is read through the pointer here.
unsafe impl Sync for UserData {}

impl UserData {
    pub fn new(pointer: *mut c_void, drop: DropFn) -> UserData {
        UserData { pointer, drop }
    }

    pub fn pointer(&self) -> *mut c_void {
        self.pointer
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(drop) = self.drop.take() {
            // SAFETY: the application gave the function for this pointer, and it is called once.
            crate::rt::callback::inside(|| unsafe { drop(self.pointer) });
        }
    }
}
