//! Future: a call that goes on by itself, and what it brings.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use super::border;
use super::client::{ClientHandle, etcd_client};
use super::config::etcd_drop_fn;
use super::context::etcd_context;
use super::queue::{self, etcd_queue};
use super::status::etcd_status;
use crate::core::client::Client;
use crate::core::error::{Error, Outcome, Result};
use crate::core::in_flight::Completed;
use crate::core::status::Status;
use crate::core::value::Value;
use crate::ffi::counted::{self, Counted};
use crate::ffi::handle::{self, Handle};
use crate::ffi::process;
use crate::ffi::user_data::UserData;
use crate::rt::callback;
use crate::rt::callback_place::CallbackPlace;
use crate::rt::callback_queue::Patience;
use crate::rt::callback_thread::CallbackThread;
use crate::rt::completion::{HasOne, Taken};
use crate::rt::context::Context;
use crate::rt::steps::Place;

/// A call that goes on by itself. It keeps its client alive. May be used from many threads at once.
pub struct etcd_future {
    _opaque: [u8; 0],
}

/// Called when the call has ended. `future` is borrowed, the same pointer that the call gave, and valid during the callback
/// also when the application has freed it; take the response inside, or later if the future is still yours. Inside you may
/// start calls, cancel, and free anything, this future too if it is still yours; blocking calls and etcd_queue_poll give
/// ETCD_ERR_WOULD_DEADLOCK. It must not throw or longjmp, and a child that it forks must exec or _exit and not return from
/// it.
pub type etcd_future_fn = Option<unsafe extern "C" fn(user_data: *mut c_void, future: *mut etcd_future)>;

/// What a future will bring, which is known from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Response,
    Members,
    Strings,
    Prefixes,
    Bool,
    String,
    Version,
    Nothing,
}

impl Kind {
    fn taker(self) -> &'static str {
        match self {
            Kind::Response => "etcd_future_take_response",
            Kind::Members => "etcd_future_take_members",
            Kind::Strings => "etcd_future_take_strings",
            Kind::Prefixes => "etcd_future_take_prefixes",
            Kind::Bool => "etcd_future_take_bool",
            Kind::String => "etcd_future_take_string",
            Kind::Version => "etcd_future_take_version",
            Kind::Nothing => "etcd_future_take",
        }
    }
}

pub struct FutureHandle {
    kind: Kind,
    completed: Arc<Completed>,
    cancel: Context,
    /// None when the call could not even begin.
    client: Option<Arc<ClientHandle>>,
    callbacks: Arc<CallbackThread>,
    /// What the call may have done as far as one knows who has not taken its result.
    lost: Outcome,
    process: u32,
}

impl Handle for etcd_future {
    type Value = FutureHandle;
    const TAG: u64 = 0x6566_7574_7572_6531;
}

impl FutureHandle {
    /// A call that has ended before it began.
    fn failed(kind: Kind, error: Error) -> FutureHandle {
        let completed = Arc::<Completed>::default();
        completed.complete(Err(error));
        let (cancel, callbacks) = (Context::new(None), CallbackThread::passing());
        let lost = Outcome::NotApplied;
        FutureHandle { kind, completed, cancel, client: None, callbacks, lost, process: process::id() }
    }

    fn is_inherited(&self) -> bool {
        self.process != process::id()
    }

    fn refuse_in_a_child(&self) -> Result<()> {
        match self.is_inherited() {
            true => Err(Error::new(Status::Forked, "the call was made before fork(), and goes on in the parent")),
            false => Ok(()),
        }
    }

    fn wait(&self, patience: Patience) -> Result<()> {
        self.refuse_in_a_child()?;
        let is_ready = match patience {
            _ if self.completed.is_ready() => true,
            Patience::None => false,
            Patience::Until(_) | Patience::Endless => {
                callback::refuse_to_block()?;
                self.completed.wait(if let Patience::Until(until) = patience { Some(until) } else { None })
            }
        };
        if is_ready { Ok(()) } else { Err(not_ready()) }
    }

    /// As in a call that blocks, a panic strikes the client.
    pub(super) fn finish(&self, body: impl FnOnce() -> Result<()>) -> Result<()> {
        match &self.client {
            Some(client) if !self.is_inherited() => client.finish(body),
            _ => body(),
        }
    }

    /// None takes whatever it is. Who gets none of it learns what the call may have done: nobody is to do it again for that.
    pub(super) fn take(&self, wanted: Option<Kind>) -> Result<Value> {
        let not_told = |error: Error| error.with_outcome(self.lost);
        self.refuse_in_a_child().map_err(not_told)?;
        if wanted.is_some_and(|wanted| wanted != self.kind) {
            let why = format_args!("what this call brings is taken with {}", self.kind.taker());
            return Err(not_told(Error::invalid_argument("future", why)));
        }
        match self.completed.take() {
            Taken::Result(result) => result,
            Taken::NotReady => Err(not_told(not_ready())),
            Taken::Already => {
                Err(not_told(Error::new(Status::AlreadyTaken, "what this call brought was taken before")))
            }
        }
    }
}

fn not_ready() -> Error {
    Error::new(Status::NotReady, "the call goes on")
}

/// Begins a call of `client`. What is wrong with the arguments comes through the future too.
///
/// # Safety
/// The pointers are NULL or valid, as the header asks.
pub(super) unsafe fn begin(
    kind: Kind,
    client: *mut etcd_client,
    context: *const etcd_context,
    body: impl FnOnce(&Arc<Client>, &Context, &Arc<Completed>) -> Result<Outcome>,
) -> *mut etcd_future {
    let mut body = Some(body);
    let mut once = |client: &Arc<Client>, cancel: &Context, completed: &Arc<Completed>| match body.take() {
        Some(body) => body(client, cancel, completed),
        None => Err(Error::new(Status::Internal, "a call was to begin twice")),
    };
    // SAFETY: the caller's promise.
    unsafe { begin_once(kind, client, context, &mut once) }
}

/// What begins a call, behind a pointer.
type Body<'a> = &'a mut dyn FnMut(&Arc<Client>, &Context, &Arc<Completed>) -> Result<Outcome>;

/// Compiled once, and not for each function of the header.
///
/// # Safety
/// As for `begin`.
#[inline(never)]
unsafe fn begin_once(
    kind: Kind,
    client: *mut etcd_client,
    context: *const etcd_context,
    body: Body<'_>,
) -> *mut etcd_future {
    let mut begin = || {
        // SAFETY: the caller's promise.
        let handle = Arc::clone(unsafe { border::required("client", client.cast_const()) }?);
        // SAFETY: the caller's promise.
        let context = unsafe { border::optional("context", context) }?;
        let mut begun = None;
        handle.call(|client| {
            let (cancel, completed) = (client.cancellation(context), Arc::<Completed>::default());
            let lost = body(client, &cancel, &completed)?;
            begun = Some((cancel, completed, lost, client.callbacks().clone()));
            Ok(())
        })?;
        let (cancel, completed, lost, callbacks) =
            begun.ok_or_else(|| Error::new(Status::Internal, "the call has not begun"))?;
        let client = Some(handle);
        Ok(FutureHandle { kind, completed, cancel, client, callbacks, lost, process: process::id() })
    };
    border::infallible(ptr::null_mut(), || {
        let future = begin().unwrap_or_else(|error| FutureHandle::failed(kind, undecided(error)));
        Counted::<etcd_future>::new(future).give()
    })
}

/// A panic may have struck when the call was on its way already.
fn undecided(error: Error) -> Error {
    if error.status() == Status::Panic { error.with_outcome(Outcome::MaybeApplied) } else { error }
}

/// Waits until the call has ended, at most `timeout_ms` milliseconds; 0 does not wait, a negative number waits as long as it
/// takes. Any number of threads at once.
///
/// ETCD_OK: it has ended; how, etcd_future_take_response and its like tell. ETCD_ERR_NOT_READY: not in time.
/// ETCD_ERR_INVALID_ARGUMENT: future is NULL. ETCD_ERR_WOULD_DEADLOCK: it would have to wait inside a callback of the
/// library. ETCD_ERR_FORKED, ETCD_ERR_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_future_wait(future: *mut etcd_future, timeout_ms: i64) -> etcd_status {
    border::status(|| {
        // SAFETY: the C caller's promise. A share of its own, so that a free meanwhile does no harm.
        let future = unsafe { shared(future) }?;
        future.wait(queue::patience(timeout_ms))
    })
}

/// Whether the call has ended; it stays so when its response is taken. False for NULL and in a forked child. Never waits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_future_is_ready(future: *const etcd_future) -> bool {
    // SAFETY: the C caller's promise.
    let future = unsafe { handle::borrow(future) };
    border::infallible(false, || future.is_some_and(|future| !future.is_inherited() && future.completed.is_ready()))
}

/// Ends the call, if it has not ended: it completes soon, though not before this returns (wait for it), with
/// ETCD_ERR_CANCELED, and its outcome says whether a write may have happened. The context of the call is not cancelled.
/// Idempotent, any thread, also inside callbacks; NULL is fine. Never waits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_future_cancel(future: *mut etcd_future) {
    // SAFETY: the C caller's promise.
    let future = unsafe { handle::borrow(future.cast_const()) };
    border::infallible((), || {
        future.filter(|future| !future.is_inherited()).into_iter().for_each(|future| future.cancel.cancel());
    });
}

/// Calls `fn` once with user_data when the call has ended, or soon when it has ended already: in etcd_queue_poll of `queue`,
/// or, with a NULL queue, on the client's one thread for callbacks, which is started here if it does not run. One callback
/// for each future. The library does not look at user_data: a number cast to a pointer is fine. `drop`, which may be NULL,
/// is called once with user_data after `fn`, or when `fn` will not be called: because this fails, or because the queue is
/// freed. The future may be freed at once; the callback comes all the same.
///
/// ETCD_ERR_BUSY: it has a callback. ETCD_ERR_INVALID_ARGUMENT: future or fn is NULL, or queue is not a queue.
/// ETCD_ERR_INTERNAL: no thread to be had. ETCD_ERR_FORKED, ETCD_ERR_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_future_on_ready(
    future: *mut etcd_future,
    queue: *mut etcd_queue,
    r#fn: etcd_future_fn,
    user_data: *mut c_void,
    drop: etcd_drop_fn,
) -> etcd_status {
    let user_data = UserData::new(user_data, drop);
    border::status(|| {
        // SAFETY: the C caller's promise.
        let (future, queue) = unsafe { (shared(future)?, queue::optional(queue)) };
        future.refuse_in_a_child()?;
        let function = r#fn.ok_or_else(|| Error::invalid_argument("fn", "is NULL"))?;
        let place = CallbackPlace::new(queue?, future.callbacks.clone());
        let reserved = place.reserve()?;
        let told = future.clone();
        let job = Box::new(move || {
            // SAFETY: the application gave the function for this pointer; `told` keeps the future alive.
            callback::call(|| unsafe { function(user_data.pointer(), told.handle()) });
        });
        let registered = future.completed.on_ready(Box::new(move || {
            place.push(job);
            std::mem::drop(reserved);
        }));
        registered.map_err(|HasOne| Error::new(Status::Busy, "the future has a callback"))
    })
}

/// Frees a future; NULL is fine; any thread, in flight, inside callbacks. The call goes on, and so does its callback; cancel
/// it first if nobody wants its result. What was not taken is lost. In a forked child nothing happens.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_future_free(future: *mut etcd_future) {
    border::infallible((), || {
        // SAFETY: the caller owns the object.
        if let Some(future) = unsafe { counted::take(future) }
            && future.is_inherited()
        {
            std::mem::forget(future);
        }
    });
}

/// # Safety
/// As for `counted::share`.
unsafe fn shared(future: *mut etcd_future) -> Result<Counted<etcd_future>> {
    // SAFETY: the caller's promise.
    unsafe {
        border::required("future", future.cast_const())?;
        counted::share(future.cast_const())
    }
    .ok_or_else(|| Error::invalid_argument("future", "is NULL"))
}
