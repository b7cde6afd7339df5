//! Context: cancellation and deadlines, as Go's context.

use super::border;
use super::status::etcd_status;
use crate::core::status::Status;
use crate::ffi::handle::{self, Handle};
use crate::rt::context::Context;

/// Cancels calls and limits their time: Go's context. May be used from many threads at once. A context that is freed
/// while calls use it, or while it has children, stays alive for them. In a forked child a context from before the fork has
/// no use any more: calls with it return ETCD_ERR_FORKED. It can be freed there, and new ones can be made.
pub struct etcd_context {
    _opaque: [u8; 0],
}

impl Handle for etcd_context {
    type Value = Context;
    const TAG: u64 = 0x6563_6f6e_7465_7874;

    fn is_inherited(context: &Context) -> bool {
        context.is_inherited()
    }
}

/// A context that ends when it is cancelled or when its parent ends; parent may be NULL. The caller frees it with
/// etcd_context_free. NULL only for lack of memory, or when parent is not a context. Any thread. In a forked child the
/// child of a context from before the fork is as useless as its parent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_context_new(parent: *const etcd_context) -> *mut etcd_context {
    // SAFETY: the C caller's promise.
    unsafe { make(parent, Context::new) }
}

/// Like etcd_context_new, and it ends `ms` milliseconds from now at the latest. With 0 or a negative number it has
/// ended already, as in Go: calls with it fail with ETCD_ERR_DEADLINE_EXCEEDED and send nothing. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_context_with_timeout_ms(parent: *const etcd_context, ms: i64) -> *mut etcd_context {
    // SAFETY: the C caller's promise.
    unsafe { make(parent, |parent| Context::with_timeout_ms(parent, ms)) }
}

/// # Safety
/// As for `handle::borrow`.
unsafe fn make(parent: *const etcd_context, body: impl FnOnce(Option<&Context>) -> Context) -> *mut etcd_context {
    // SAFETY: the caller's promise.
    let parent = unsafe { border::optional_or_inherited("parent", parent) };
    border::infallible(std::ptr::null_mut(), || {
        parent.map_or(std::ptr::null_mut(), |parent| handle::give(body(parent)))
    })
}

/// Ends the context and its children: calls that are blocked with them return ETCD_ERR_CANCELED at once. Idempotent; NULL
/// is fine; any thread, but not a signal handler, since it takes locks. In a forked child a context from before the fork is left
/// alone; the parent's calls go on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_context_cancel(context: *mut etcd_context) {
    // SAFETY: the C caller's promise.
    let context = unsafe { handle::borrow(context.cast_const()) };
    border::infallible((), || context.into_iter().for_each(Context::cancel));
}

/// ETCD_OK while the context goes on, ETCD_ERR_CANCELED or ETCD_ERR_DEADLINE_EXCEEDED after its end, whichever came first.
/// ETCD_ERR_FORKED: it, or the one it descends from, was made before fork(), in another process.
/// ETCD_ERR_INVALID_ARGUMENT: context is NULL. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_context_status(context: *const etcd_context) -> etcd_status {
    // SAFETY: the C caller's promise.
    let context = unsafe { handle::borrow(context) };
    border::infallible(Status::Internal.number(), || context.map_or(Status::InvalidArgument, Context::status).number())
}

/// Frees a context; it does not cancel it. NULL is fine; any thread. In a forked child a context from before the fork is left
/// alone and its memory is not given back.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_context_free(context: *mut etcd_context) {
    // SAFETY: the caller owns the object.
    unsafe { border::free(context) }
}
