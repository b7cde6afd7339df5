//! The client: a configuration, a ring, lanes to run calls on, and the calls themselves.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::auto_sync::AutoSync;
use super::call;
use super::caller::{Boxed, Caller};
use super::config::{Config, DEFAULT_ENDPOINT, Protocol, parse_endpoints};
use super::connector::Connector;
use super::error::{Error, Result};
use super::exchange::Request;
use super::keys::Operation;
use super::log::Level;
use super::pool::Pool;
use super::proxy::Proxies;
use super::response::Response;
use super::ring::{Endpoints, Ring};
use super::status::Status;
use super::tls::Tls;
use super::trust::Trust;
use super::v2;
use super::value;
use crate::rt::callback;
use crate::rt::callback_thread::CallbackThread;
use crate::rt::closing::Closing;
use crate::rt::context::Context;
use crate::rt::internal::Internal;
use crate::rt::lanes::{self, Lanes};
use crate::rt::running::{Entered, EnteredForLong, Running};

/// What calls need, on whatever runtime they run.
pub struct Shared {
    pub config: Config,
    pub ring: Ring,
    pub connector: Connector,
    pub closed: Closing,
    pub trust: Arc<Trust>,
    /// Places for watches that are being opened: thousands at once would need ten times the memory that they need once they
    /// are open, and more of a member than it takes in.
    pub opening_watches: Semaphore,
}

/// Enough to open a thousand in a second at a member that is 100 ms away.
const OPENING_WATCHES: usize = 256;

pub struct Client {
    shared: Arc<Shared>,
    lanes: Arc<Lanes>,
    internal: Internal,
    running: Arc<Running>,
    callbacks: Arc<CallbackThread>,
    pub(super) auto_sync: AutoSync,
}

impl Client {
    /// No network traffic, no thread.
    pub fn new(mut config: Config) -> Result<Client> {
        if config.endpoints.is_empty() {
            config.add_endpoints(DEFAULT_ENDPOINT)?;
        }
        if config.protocol == Protocol::V3 {
            return Err(Error::new(
                Status::Unsupported,
                "protocol: etcd v3 is not part of this version; use AUTO or V2",
            ));
        }
        // A configuration can be used for several clients.
        config.endpoints.iter_mut().for_each(|endpoint| *endpoint = Arc::new(endpoint.unmet()));
        let ring = Ring::new(config.endpoints.clone())?;
        let tls = Tls::new(config.tls.clone(), config.log.clone())?;
        let connector = Connector::new(Proxies::new(&config.proxy), tls);
        let trust = Arc::new(Trust::new(config.log.clone()));
        let internal = Internal::new(trust.clone());
        let (closed, opening_watches) = (Closing::default(), Semaphore::new(OPENING_WATCHES));
        let shared = Shared { config, ring, connector, closed, trust, opening_watches };
        Ok(Client {
            shared: Arc::new(shared),
            lanes: Arc::default(),
            internal,
            running: Arc::default(),
            callbacks: Arc::default(),
            auto_sync: AutoSync::default(),
        })
    }

    /// Starts a task on the internal runtime; it must not hold the client.
    pub(super) fn spawn<F: Future<Output = ()> + Send + 'static>(
        &self,
        task: impl FnOnce(Arc<Pool>) -> F,
    ) -> Result<()> {
        self.internal.spawn(task)?;
        self.look_after_lanes();
        Ok(())
    }

    /// The internal thread, where it runs, closes the lanes that nobody needs any more.
    fn look_after_lanes(&self) {
        let task = || self.lanes.need_a_task().then(|| lanes::look_after(Arc::downgrade(&self.lanes)));
        self.internal.spawn_if_running(task);
    }

    pub(super) fn running(&self) -> &Running {
        &self.running
    }

    /// Runs the callbacks that the application wants on no queue of its own.
    pub fn callbacks(&self) -> &Arc<CallbackThread> {
        &self.callbacks
    }

    /// Whether a panic has struck it; shared with every task of it.
    pub fn trust(&self) -> &Trust {
        &self.shared.trust
    }

    /// For tasks, which must not hold the client.
    pub(super) fn trust_of_tasks(&self) -> Arc<Trust> {
        self.shared.trust.clone()
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The endpoints in the shuffled order in which they are tried.
    pub fn endpoints(&self) -> Vec<String> {
        self.shared.ring.current().list().iter().map(|endpoint| endpoint.url().to_owned()).collect()
    }

    /// All or nothing; running calls keep the list they started with.
    pub fn set_endpoints<'a>(&self, urls: impl Iterator<Item = &'a str>) -> Result<()> {
        self.refuse_when_closed()?;
        let mut list = Vec::new();
        for url in urls {
            list.extend(parse_endpoints("endpoints", url)?);
        }
        self.shared.ring.replace(list)?;
        self.shared.config.log.write(Level::Info, &format!("endpoints are now {}", self.endpoints().join(", ")));
        Ok(())
    }

    pub fn keys(&self, operation: &Operation<'_>, context: Option<&Context>) -> Result<Response> {
        let request = self.keys_request(operation)?;
        let effect = request.effect;
        let (shared, context) = (self.shared.clone(), context.cloned());
        let deadline = context.as_ref().and_then(Context::deadline);
        let answered = self.block_on(deadline, |pool| call::http(shared, pool, request, context))??;
        value::response(answered, effect)
    }

    pub(super) fn keys_request(&self, operation: &Operation<'_>) -> Result<Request> {
        // Only a delete carries a value in its target.
        let is_delete = matches!(operation, Operation::Delete { .. });
        let longest_target = if is_delete { longest_target(&self.shared.ring.current()) } else { None };
        v2::keys_request::keys_request(&self.shared.config.keys, operation, longest_target)
    }

    /// Carries a call of another API out, on the calling thread where it can.
    pub fn carry_out<T: Send + 'static, F: Future<Output = Result<T>> + Send + 'static>(
        &self,
        context: Option<&Context>,
        body: impl FnOnce(Caller) -> F,
    ) -> Result<T> {
        let mut body = Some(body);
        self.carry_out_boxed(context, &mut |caller| Some(Box::pin(body.take()?(caller))))
    }

    /// Compiled once for each kind of result, and not for each call.
    #[inline(never)]
    fn carry_out_boxed<T: Send + 'static>(
        &self,
        context: Option<&Context>,
        body: &mut dyn FnMut(Caller) -> Option<Boxed<T>>,
    ) -> Result<T> {
        let result = Arc::new(Mutex::new(None));
        self.carry_out_task(context, &mut |caller| {
            let (call, place) = (body(caller)?, result.clone());
            Some(Box::pin(async move {
                *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(call.await?);
                Ok(())
            }))
        })?;
        let result = result.lock().unwrap_or_else(PoisonError::into_inner).take();
        result.ok_or_else(|| Error::new(Status::Internal, "the call has no result"))
    }

    /// Compiled once.
    fn carry_out_task(
        &self,
        context: Option<&Context>,
        body: &mut dyn FnMut(Caller) -> Option<Boxed<()>>,
    ) -> Result<()> {
        let (shared, context) = (self.shared.clone(), context.cloned());
        let deadline = context.as_ref().and_then(Context::deadline);
        let not_made = || Error::new(Status::Internal, "the call has not been made");
        let call = |pool| body(Caller { shared, pool, context });
        self.block_on(deadline, |pool| {
            let call = call(pool);
            async move { call.ok_or_else(not_made)?.await }
        })?
    }

    /// Runs a call to its end. The calling thread drives the sockets itself, on a lane; only where it cannot
    /// (no lane left, or it cannot drive one) the internal runtime does it.
    pub(super) fn block_on<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &self,
        deadline: Option<Instant>,
        call: impl FnOnce(Arc<Pool>) -> F,
    ) -> Result<T> {
        callback::refuse_to_block()?;
        let _running = self.enter()?;
        if !lanes::can_run_here() {
            return self.internal.run(call);
        }
        // The client's own request timeout counts from when the call begins, for which it must not wait longer than that.
        let deadline = deadline.or_else(|| Instant::now().checked_add(self.shared.config.request_timeout?));
        match self.lanes.run(deadline, call) {
            Ok(result) => {
                self.look_after_lanes();
                Ok(result)
            }
            Err(call) => self.internal.run(call),
        }
    }

    /// Begins a call; close waits until what this gives is dropped.
    pub(super) fn enter(&self) -> Result<Entered<'_>> {
        // Entered before the question, so that close either waits for this call or is seen by it.
        let entered = self.running.enter();
        self.refuse_when_closed()?;
        Ok(entered)
    }

    /// Begins a call that goes on by itself.
    pub(super) fn enter_for_long(&self) -> Result<EnteredForLong> {
        let entered = self.running.enter_for_long();
        self.refuse_when_closed()?;
        Ok(entered)
    }

    pub(super) fn refuse_when_closed(&self) -> Result<()> {
        match self.shared.closed.is_closed() {
            true => Err(Error::new(Status::Closed, "the client was closed")),
            false => Ok(()),
        }
    }

    /// Ends every running call with CLOSED, refuses new ones, and waits until all have returned and
    /// every thread has ended.
    pub fn close(&self, timeout: Option<Duration>) -> Result<()> {
        if callback::is_inside() {
            return Err(Error::new(Status::WouldDeadlock, "close was called inside a callback of this library"));
        }
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        self.shared.closed.close();
        self.lanes.wake_all();
        let left = self.running.wait_until_none(until);
        self.lanes.clear();
        // The callbacks last: what has just ended is still told to them.
        let is_over = left == 0 && self.internal.stop(until) && self.callbacks.stop(until);
        if is_over {
            return Ok(());
        }
        let what = match left {
            0 => "a callback or a thread of its own".to_owned(),
            1 => "a call".to_owned(),
            left => format!("{left} calls"),
        };
        let text = format!("the client is closed, but {what} had not ended when the time was over");
        Err(Error::new(Status::DeadlineExceeded, text))
    }
}

impl Drop for Client {
    /// Never waits: lanes and the internal runtime end by themselves.
    fn drop(&mut self) {
        self.shared.closed.close();
        self.callbacks.end();
    }
}

/// `DELETE TARGET HTTP/1.1\r\n` has to fit into the 4096 bytes in which a plain etcd sniffs the protocol.
fn longest_target(endpoints: &Endpoints) -> Option<usize> {
    const LONGEST: usize = 4096 - "DELETE ".len() - " HTTP/1.1\r\n".len();
    let plain = endpoints.list().iter().filter(|endpoint| !endpoint.origin().scheme.is_encrypted());
    let paths = plain.map(|endpoint| endpoint.target("", "").trim_end_matches('/').len());
    paths.max().map(|longest_path| LONGEST.saturating_sub(longest_path))
}
