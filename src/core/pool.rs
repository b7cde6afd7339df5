//! The idle connections of one lane, or of the internal runtime.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::endpoint::Origin;

/// Servers and middle boxes drop idle connections after a minute or more; keeping them longer only wastes descriptors.
const MAX_REST: Duration = Duration::from_secs(60);

/// A call may meet two or three origins in a row while it fails over; more idle connections per origin
/// than this are only left over from a burst.
const MAX_IDLE_PER_ORIGIN: usize = 64;

#[derive(Default)]
pub struct Pool(Mutex<HashMap<Arc<Origin>, Vec<Connection>>>);

impl Pool {
    /// The connection used last is the one least likely to have been closed.
    pub fn take(&self, origin: &Arc<Origin>) -> Option<Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(origin)?.pop()
    }

    pub fn put(&self, origin: &Arc<Origin>, connection: Connection) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match idle.get_mut(origin) {
            Some(connections) if connections.len() < MAX_IDLE_PER_ORIGIN => connections.push(connection),
            Some(_) => {}
            None => {
                idle.insert(origin.clone(), vec![connection]);
            }
        }
    }

    /// Closes what has rested for too long.
    pub fn close_old(&self, now: Instant) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|_, connections| {
            connections.retain(|connection| now.saturating_duration_since(connection.resting_since()) < MAX_REST);
            !connections.is_empty()
        });
    }
}
