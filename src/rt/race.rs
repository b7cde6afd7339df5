//! Waiting for the first of two things.

use std::pin::Pin;
use std::task::Poll;

#[derive(Debug, PartialEq, Eq)]
pub enum First<A, B> {
    Left(A),
    Right(B),
}

/// Whichever is there first; when both are, the left one. The other goes on where it was when it is polled again.
pub async fn first<A: Future, B: Future>(mut left: Pin<&mut A>, mut right: Pin<&mut B>) -> First<A::Output, B::Output> {
    std::future::poll_fn(|waker| {
        if let Poll::Ready(result) = left.as_mut().poll(waker) {
            return Poll::Ready(First::Left(result));
        }
        right.as_mut().poll(waker).map(First::Right)
    })
    .await
}
