//! The attempts of a call that are running.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::history::VisitNumber;

/// Nearly always there is one, which needs no allocation.
pub struct Asked<'a, F> {
    first: (VisitNumber, Pin<&'a mut Option<F>>),
    more: Vec<(VisitNumber, Pin<Box<F>>)>,
}

impl<'a, F: Future> Asked<'a, F> {
    /// `first` is where the first attempt lives.
    pub fn new(first: Pin<&'a mut Option<F>>) -> Asked<'a, F> {
        Asked { first: (VisitNumber::default(), first), more: Vec::new() }
    }

    pub fn begin(&mut self, number: VisitNumber, attempt: F) {
        if self.first.1.is_none() {
            self.first.0 = number;
            self.first.1.set(Some(attempt));
        } else {
            self.more.push((number, Box::pin(attempt)));
        }
    }

    /// The first that ends; None when none is running.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<F::Output>> {
        if let Some(first) = self.first.1.as_mut().as_pin_mut() {
            if let Poll::Ready(output) = first.poll(context) {
                self.first.1.set(None);
                return Poll::Ready(Some(output));
            }
        } else if self.more.is_empty() {
            return Poll::Ready(None);
        }
        for position in 0..self.more.len() {
            if let Some((_, attempt)) = self.more.get_mut(position)
                && let Poll::Ready(output) = attempt.as_mut().poll(context)
            {
                self.more.swap_remove(position);
                return Poll::Ready(Some(output));
            }
        }
        Poll::Pending
    }

    pub fn drop_those_of(&mut self, number: VisitNumber) {
        if self.first.0 == number {
            self.first.1.set(None);
        }
        self.more.retain(|(of, _)| *of != number);
    }
}
