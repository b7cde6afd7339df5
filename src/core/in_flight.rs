//! Calls that go on without a caller, on the internal runtime, until they complete their completion.

use std::sync::Arc;

use super::call::Answered;
use super::caller::{Boxed, Caller};
use super::client::Client;
use super::error::{Error, Outcome, Result};
use super::keys::Operation;
use super::status::Status;
use super::value::Value;
use crate::ffi::panics;
use crate::rt::completion::Completion;
use crate::rt::context::Context;

pub type Completed = Completion<Result<Value>>;

impl Client {
    /// Begins a keys call. It ends by `cancel`, whose deadline counts from now, also while it waits for its turn.
    pub fn start_keys(
        self: &Arc<Client>,
        operation: &Operation<'_>,
        cancel: &Context,
        to: &Arc<Completed>,
    ) -> Result<Outcome> {
        let request = self.keys_request(operation)?;
        let effect = request.effect;
        let outcome = if effect.is_write() { Outcome::MaybeApplied } else { Outcome::NotApplied };
        self.start(cancel, outcome, to, move |caller| async move {
            let answered = caller.http(request).await?;
            let answer = answered.answer.detached();
            Ok(Value::Keys(Box::new(Answered { answer, ..answered }), effect))
        })
    }

    /// Begins a call of another API. `lost`, which it gives back, is the outcome of a call that has
    /// not told yet.
    pub fn start<T: Into<Value>, F: Future<Output = Result<T>> + Send + 'static>(
        self: &Arc<Client>,
        cancel: &Context,
        lost: Outcome,
        to: &Arc<Completed>,
        body: impl FnOnce(Caller) -> F,
    ) -> Result<Outcome> {
        let mut body = Some(body);
        self.start_boxed(cancel, lost, to, &mut |caller| {
            let call = body.take()?(caller);
            Some(Box::pin(async move { call.await.map(Into::into) }))
        })
        .map(|()| lost)
    }

    /// Compiled once, and not for each call.
    #[inline(never)]
    fn start_boxed(
        self: &Arc<Client>,
        cancel: &Context,
        lost: Outcome,
        to: &Arc<Completed>,
        body: &mut dyn FnMut(Caller) -> Option<Boxed<Value>>,
    ) -> Result<()> {
        let running = self.enter_for_long()?;
        let (shared, context, client) = (self.shared().clone(), Some(cancel.clone()), self.clone());
        let ending = CompleteAtEnd { to: to.clone(), lost };
        self.spawn(|pool| {
            let call = body(Caller { shared, pool, context });
            let not_made = || -> Boxed<Value> {
                Box::pin(async { Err(Error::new(Status::Internal, "the call has not been made")) })
            };
            panics::then(call.unwrap_or_else(not_made), move |ended| {
                let result = ended.unwrap_or_else(|panic| {
                    client.trust().lost(&panic);
                    Err(panic.with_outcome(lost))
                });
                ending.to.complete(result);
                drop(ending);
                // Only then, so that close returns when nothing is left to be told.
                drop(running);
                drop(client);
            })
        })
    }

    /// What ends a call that goes on by itself: its own cancellation, or what ends its parent. Without a parent it has the
    /// client's request timeout.
    pub fn cancellation(&self, parent: Option<&Context>) -> Context {
        let timeout = if parent.is_some() { None } else { self.shared().config.request_timeout };
        Context::of_a_call(parent, timeout)
    }
}

/// A call always comes back, also when its task is dropped before its end.
struct CompleteAtEnd {
    to: Arc<Completed>,
    lost: Outcome,
}

impl Drop for CompleteAtEnd {
    fn drop(&mut self) {
        if !self.to.is_ready() {
            let error = Error::new(Status::Internal, "the call ended without a result").with_outcome(self.lost);
            self.to.complete(Err(error));
        }
    }
}
