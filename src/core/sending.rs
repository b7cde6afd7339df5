//! The body of a request, handed over piece by piece: hyper copies what it gets, and must not copy a large one at once.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// Small enough that the copy is no burden, and large enough that few are needed.
const PIECE: usize = 64 << 10;

/// What is left of it; None at its end.
#[derive(Debug)]
pub struct Sending(Option<Bytes>);

impl Sending {
    pub fn new(body: Bytes) -> Sending {
        Sending((!body.is_empty()).then_some(body))
    }
}

impl Body for Sending {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match &mut self.0 {
            Some(left) if left.len() > PIECE => Some(left.split_to(PIECE)),
            last => last.take(),
        };
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    /// Known, so that it is announced and not sent in chunks.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, Bytes::len) as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn pieces(length: usize) -> Vec<usize> {
        let mut sending = Sending::new(Bytes::from(vec![b'x'; length]));
        assert_eq!(sending.size_hint().exact(), Some(length as u64));
        let mut context = Context::from_waker(Waker::noop());
        let mut pieces = Vec::new();
        while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut sending).poll_frame(&mut context) {
            pieces.push(frame.into_data().expect("data").len());
        }
        assert!(sending.is_end_stream());
        pieces
    }

    #[test]
    fn a_small_body_is_one_piece_and_a_large_one_comes_in_order() {
        assert!(pieces(0).is_empty());
        assert_eq!(pieces(5), [5]);
        assert_eq!(pieces(2 * PIECE + 1), [PIECE, PIECE, 1]);
    }
}
