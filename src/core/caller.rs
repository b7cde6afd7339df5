//! A call as the APIs other than keys see it: something to ask the cluster with. Whether it blocks or goes on by itself is
//! the client's business.

use std::pin::Pin;
use std::sync::Arc;

use super::call::{self, Answered, Destination};
use super::client::Shared;
use super::error::Result;
use super::exchange::{Answer, Request};
use super::pool::Pool;
use super::sync::within;
use super::v2::failure::Asked;
use crate::rt::context::Context;

/// In a box, so that the whole engine is compiled once, and not into each of the calls.
pub type Boxed<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// Runs on the runtime to which the connections of `pool` belong.
#[derive(Clone)]
pub struct Caller {
    pub shared: Arc<Shared>,
    pub pool: Arc<Pool>,
    /// None means the client's request timeout, for each request.
    pub context: Option<Context>,
}

impl Caller {
    /// For a call of several requests, which all of them together have the time of one call for.
    pub fn for_several(self) -> Caller {
        let context = self.context.or_else(|| within(None, self.shared.config.request_timeout));
        Caller { context, ..self }
    }

    pub fn http(&self, request: Request) -> Boxed<Answered> {
        Box::pin(call::http(self.shared.clone(), self.pool.clone(), request, self.context.clone()))
    }

    pub fn http_to(&self, destination: Destination, request: Request) -> Boxed<Answered> {
        let (shared, pool, context) = (self.shared.clone(), self.pool.clone(), self.context.clone());
        Box::pin(call::http_to(shared, pool, request, context, destination))
    }

    /// The answer, or the error that the answer is.
    pub async fn ask<T>(
        &self,
        request: Request,
        decode: impl FnOnce(&Answer, Asked<'_>) -> Result<T> + Send,
    ) -> Result<T> {
        let effect = request.effect;
        let answered = self.http(request).await?;
        let result = decode(&answered.answer, Asked { endpoint: &answered.endpoint, effect });
        result.map_err(|error| answered.explain(error))
    }
}
