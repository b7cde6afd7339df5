//! What a watch does where the history is gone: it says so, or hands over the whole state and goes on behind it.

use crate::core::http1::headers::Name;

use super::follower::Follower;
use crate::core::call;
use crate::core::error::{Error, Result};
use crate::core::exchange::Effect;
use crate::core::keys::{GetOptions, Operation};
use crate::core::log::Level;
use crate::core::response::Response;
use crate::core::status::Status;
use crate::core::v2::{keys_answer, keys_request};
use crate::rt::clock;

const EVENT_INDEX_CLEARED: i32 = 401;

impl Follower {
    pub(super) async fn refused(&mut self, error: Error) -> Result<()> {
        match error.server() {
            Some(server) if server.code == EVENT_INDEX_CLEARED && self.options.resync => self.resync(&error).await,
            _ => Err(error),
        }
    }

    /// Hands over the whole state, and goes on from its index.
    pub(super) async fn resync(&mut self, why: &Error) -> Result<()> {
        // In front, because what happens behind it must still be in the history when the watch goes on.
        clock::sleep(self.backoff.next_pause()).await;
        let log = &self.client.config.log;
        log.write(
            Level::Info,
            &format!("watch of {}: reading the whole state, because of: {}", self.key, why.message()),
        );
        let options = GetOptions { recursive: self.options.recursive, sort: true, quorum: Some(true) };
        let operation = Operation::Get { key: &self.key, options: &options };
        let request = keys_request::keys_request(&self.client.config.keys, &operation, None)?;
        let answered = call::http(self.client.clone(), self.pool.bounded(), request, None).await?;
        let state = match keys_answer::decode(&answered.answer, &answered.endpoint, Effect::Read) {
            Ok(state) => state.into_resync(),
            Err(error) if error.is_key_not_found() => {
                let id = answered.answer.headers.get(Name::EtcdClusterId).unwrap_or_default();
                Response::resync_of_nothing(error.server().map_or(0, |server| server.index), id)
            }
            Err(error) => return Err(answered.explain(error)),
        };
        let state = state?;
        if state.index() == 0 {
            let text = format!(
                "{} told the whole state without its index; the endpoint is probably not etcd",
                answered.endpoint
            );
            return Err(Error::new(Status::InvalidResponse, text).at(&answered.endpoint));
        }
        // Only now: until the state is known, the position is one of the cluster before.
        self.cluster_id = answered.answer.headers.get(Name::EtcdClusterId).map(<[u8]>::to_vec);
        self.position.state_at(state.index());
        let weight = state.weight();
        self.events.add(Ok(state), weight).await;
        Ok(())
    }
}
