//! That a client is closed: asked by every call and in each of its turns, so a lane asks a flag and is woken with all lanes;
//! only what runs elsewhere stands in a list to be told.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

#[cfg(unix)]
use super::turn;

#[derive(Debug, Default)]
pub struct Closing {
    is_closed: AtomicBool,
    token: CancellationToken,
}

impl Closing {
    /// Who calls this wakes the lanes behind it.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.token.cancel();
    }

    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    /// For tasks that end with the client.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    pub async fn closed(&self) {
        #[cfg(unix)]
        if turn::is_here() {
            return std::future::poll_fn(|_| {
                if self.is_closed() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
        }
        self.token.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::thread;

    use super::super::lanes::Lanes;
    use super::super::park::wait_until;
    use super::*;

    #[test]
    fn whoever_waits_for_the_end_of_a_client_hears_of_it_on_a_lane_and_elsewhere() {
        let (closing, lanes) = (Arc::new(Closing::default()), Arc::new(Lanes::default()));
        let on_a_lane = {
            let (closing, lanes) = (closing.clone(), lanes.clone());
            thread::spawn(move || lanes.run(None, |_| async move { closing.closed().await }).is_ok())
        };
        let elsewhere = {
            let closing = closing.clone();
            thread::spawn(move || wait_until(pin!(closing.closed()), None).is_some())
        };
        thread::yield_now();
        closing.close();
        lanes.wake_all();
        assert!(on_a_lane.join().expect("no panic") && elsewhere.join().expect("no panic"));
        assert!(closing.is_closed() && closing.token().is_cancelled());
    }
}
