//! Reads the history. Each request of a watch in the past brings one event and takes a round trip, so several indexes
//! are asked for at once: whatever happened at an index is in the answer to that index.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::DEFAULT_IDLE_TIMEOUT;
use super::follower::Follower;
use super::opening::AMPLE;
use crate::core::client::Shared;
use crate::core::endpoint::Endpoint;
use crate::core::error::{Error, Result};
use crate::core::exchange::{Answer, Effect};
use crate::core::member_check::check;
use crate::core::one_member;
use crate::core::places::Place;
use crate::core::pool::Pool;
use crate::core::response::Response;
use crate::core::status::Status;
use crate::core::v2::{failure, watch_event};
use crate::faults;
use crate::ffi::panics;
use crate::rt::clock;

/// Requests at once, each on a connection of its own.
const WIDEST: u64 = 32;

/// How many indexes to ask for at once: more while each brings an event of its own.
#[derive(Debug)]
pub struct Window(u64);

impl Default for Window {
    fn default() -> Window {
        Window(1)
    }
}

impl Window {
    fn brought(&mut self, events: usize, asked: usize) {
        self.0 = if events.saturating_mul(2) > asked { WIDEST.min(self.0.saturating_mul(2)) } else { 1 };
    }
}

/// What the answer to one index said: the first event at or after it, or that there is none so far.
struct Found {
    asked: u64,
    /// With its index.
    event: Option<(Response, u64)>,
}

impl Follower {
    /// Delivers what happened between the position and the index at which the live stream begins, which waits meanwhile:
    /// however fast the store moves on, this much and no more is to be read.
    pub async fn catch_up(&mut self, endpoint: &Arc<Endpoint>) -> Result<()> {
        let mut window = Window::default();
        while self.position.has_history_to_read() {
            let (delivered, asked) = self.read_window(&window, endpoint).await?;
            window.brought(delivered, asked);
        }
        Ok(())
    }

    /// Asks for the next indexes at once. Gives how many events they brought, and how many indexes were asked for.
    async fn read_window(&mut self, window: &Window, endpoint: &Arc<Endpoint>) -> Result<(usize, usize)> {
        let mut asked = self.ask(window, endpoint);
        let (count, mut delivered) = (asked.len(), 0);
        let mut found: Vec<Found> = Vec::new();
        while self.position.has_history_to_read() {
            let Some(joined) = asked.join_next().await else { break };
            let (index, answered) =
                joined.map_err(|_| Error::new(Status::Internal, "a request of a watch was lost"))?;
            found.push(read_one(index, answered?, endpoint.url())?);
            while let Some(next) = certain(&mut found, self.position.wait_index()) {
                match next.event {
                    Some((event, index)) if index <= self.position.live_from() => {
                        self.deliver(event, index).await?;
                        delivered += 1;
                    }
                    // The live stream brings it.
                    Some((_, index)) => self.position.nothing_before(index),
                    // The server waits with the answer, so nothing is there; unless it is the server that is stuck.
                    None => {
                        self.silence().check(endpoint, AMPLE).await.result?;
                        self.position.caught_up();
                    }
                }
            }
        }
        Ok((delivered, count))
    }

    /// Of the very member on which the live stream begins: another one may not have got that far.
    fn ask(&self, window: &Window, endpoint: &Arc<Endpoint>) -> JoinSet<(u64, Result<Option<Answer>>)> {
        let mut asked = JoinSet::new();
        for index in self.position.history_to_read(window.0) {
            let (client, pool, endpoint) = (self.client.clone(), self.pool.clone(), endpoint.clone());
            let request = self.watched.request(index, false);
            let asking = async move {
                faults::here(faults::Place::CatchUp, request.path.as_bytes());
                let _place = turn(&client, &pool, &endpoint).await?;
                // In a box of its own, since thousands of watches may wait for their turn at the same time.
                let patience = DEFAULT_IDLE_TIMEOUT;
                Box::pin(one_member::ask_history(&client, &pool, &endpoint, &request, patience, AMPLE)).await
            };
            asked.spawn(panics::then(asking, move |asked| (index, asked.and_then(|answer| answer))));
        }
        asked
    }
}

/// Waits for a place among the requests of all watches to this member, as long as the member is alive: those before it
/// may be waiting for one that has stopped, each with all its patience.
async fn turn(client: &Shared, pool: &Pool, endpoint: &Endpoint) -> Result<Option<Place>> {
    let places = pool.bounded();
    let mut place = pin!(places.place(endpoint.origin()));
    loop {
        match clock::timeout(AMPLE, place.as_mut()).await {
            Ok(place) => return Ok(place),
            Err(_) => Box::pin(check(client, pool, endpoint, AMPLE, DEFAULT_IDLE_TIMEOUT)).await.result?,
        };
    }
}

fn read_one(asked: u64, answer: Option<Answer>, endpoint: &str) -> Result<Found> {
    let Some(mut answer) = answer else { return Ok(Found { asked, event: None }) };
    if answer.http_status != 200 {
        return Err(failure::refusal(&answer, endpoint, Effect::Read));
    }
    let document = std::mem::replace(&mut answer.body, Bytes::new());
    let (event, index) = watch_event::decode(document, &answer, endpoint)?;
    if index < asked {
        let text = format!("{endpoint} gave an event of index {index} to a watch from {asked} on");
        return Err(Error::new(Status::InvalidResponse, text).at(endpoint));
    }
    Ok(Found { asked, event: Some((event, index)) })
}

/// The answer that tells what comes next at `position`: nothing lies between what was asked and what was found.
fn certain(found: &mut Vec<Found>, position: u64) -> Option<Found> {
    found.retain(|found| found.event.as_ref().is_none_or(|(_, index)| *index >= position));
    let certain = found.iter().position(|found| found.asked <= position)?;
    Some(found.swap_remove(certain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(asked: u64, index: u64) -> Found {
        Found { asked, event: Some((Response::default(), index)) }
    }

    fn next_at(answers: &mut Vec<Found>, position: u64) -> Option<u64> {
        certain(answers, position).map(|found| found.event.map_or(0, |(_, index)| index))
    }

    #[test]
    fn only_what_has_no_gap_before_it_is_certain() {
        let mut answers = vec![found(12, 12), found(11, 15)];
        answers.push(Found { asked: 14, event: None });
        assert!(certain(&mut answers, 10).is_none(), "nobody has told about 10 yet");
        answers.push(found(10, 10));
        assert_eq!(next_at(&mut answers, 10), Some(10));
        assert_eq!(next_at(&mut answers, 11), Some(15));
        assert_eq!(next_at(&mut answers, 16), Some(0), "nothing so far from 14 on");
    }

    #[test]
    fn what_has_been_delivered_is_not_delivered_twice() {
        let mut answers = vec![found(10, 15), found(11, 15), found(12, 15)];
        assert_eq!(next_at(&mut answers, 10), Some(15));
        assert!(certain(&mut answers, 16).is_none());
        assert!(answers.is_empty());
    }

    #[test]
    fn a_window_grows_while_it_pays() {
        let mut window = Window::default();
        (0..10).for_each(|_| window.brought(8, 8));
        assert_eq!(window.0, WIDEST);
        window.brought(1, 32);
        assert_eq!(window.0, 1);
    }
}
