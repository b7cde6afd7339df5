//! The chunked coding of a body, taken apart piece by piece; nothing is kept between two pieces but where it stands. It accepts
//! and refuses what hyper does, in hyper's words.

use std::io;

use bytes::{Buf, Bytes, BytesMut};

use super::{MOST_HEAD_BYTES, MOST_HEADERS};

/// Extensions mean nothing here. They are counted over the whole body, or for each chunk where that would end a watch which
/// lasts long enough.
const MOST_EXTENSION_BYTES: usize = 16 << 10;

#[derive(Debug, Default)]
pub struct Chunks {
    state: State,
    /// What is left of the present chunk; while its size is read, the size so far.
    left: u64,
    /// Of the extensions, or of all trailers.
    bytes: u32,
    lasts: bool,
    trailers: u32,
    /// The present line of the trailers.
    line: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    Size,
    SizeSpace,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// The beginning of a line behind the last chunk.
    LineStart,
    Trailer,
    TrailerLf,
    EndLf,
    End,
}

/// What the next bytes of a body are.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    Data(Bytes),
    End,
    /// All bytes were used up.
    NeedsMore,
}

impl Chunks {
    /// Those of a body that goes on for as long as there is news.
    pub fn that_last() -> Chunks {
        Chunks { lasts: true, ..Chunks::default() }
    }

    /// Takes the next piece of the body from the front of `bytes`.
    pub fn next(&mut self, bytes: &mut BytesMut) -> io::Result<Piece> {
        let announced = self.announced(bytes)?;
        match self.state {
            State::End => Ok(Piece::End),
            State::Data if !bytes.is_empty() => {
                let length = usize::try_from(announced).unwrap_or(usize::MAX).min(bytes.len());
                self.took(length);
                Ok(Piece::Data(bytes.split_to(length).freeze()))
            }
            _ => Ok(Piece::NeedsMore),
        }
    }

    /// Takes what stands before the next data. Gives how much of that follows, which need not be there yet; 0 at the end, and
    /// where more has to come before it is known.
    pub fn announced(&mut self, bytes: &mut BytesMut) -> io::Result<u64> {
        let mut taken = 0;
        let mut stepped = Ok(());
        for byte in bytes.iter() {
            if matches!(self.state, State::Data | State::End) {
                break;
            }
            match self.step(*byte) {
                Ok(state) => self.state = state,
                Err(error) => {
                    stepped = Err(error);
                    break;
                }
            }
            taken += 1;
        }
        bytes.advance(taken);
        stepped.map(|()| if self.state == State::Data { self.left } else { 0 })
    }

    /// So much of the data was taken.
    pub fn took(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes as u64);
        if self.left == 0 {
            self.state = State::DataCr;
        }
    }

    pub fn has_ended(&self) -> bool {
        self.state == State::End
    }

    /// Why the body must not end here.
    pub fn ended(&self) -> io::Error {
        let why = match self.state {
            State::Data => "end of file before message length reached",
            _ => "unexpected EOF during chunk size line",
        };
        io::Error::new(io::ErrorKind::UnexpectedEof, why)
    }

    fn step(&mut self, byte: u8) -> io::Result<State> {
        match (self.state, byte) {
            (State::Start | State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => self.digit(byte),
            (State::Start, _) => Err(invalid_input("Invalid chunk size line: missing size digit")),
            (State::Size | State::SizeSpace, b'\t' | b' ') => Ok(State::SizeSpace),
            (State::Size | State::SizeSpace, b';') => Ok(State::Extension),
            (State::Size | State::SizeSpace | State::Extension, b'\r') => Ok(State::SizeLf),
            (State::Size, _) => Err(invalid_input("Invalid chunk size line: Invalid Size")),
            (State::SizeSpace, _) => Err(invalid_input("Invalid chunk size linear white space")),
            (State::Extension, b'\n') => Err(invalid_data("invalid chunk extension contains newline")),
            (State::Extension, _) => self.extension(),
            (State::SizeLf, b'\n') => Ok(self.begin()),
            (State::SizeLf, _) => Err(invalid_input("Invalid chunk size LF")),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataCr, _) => Err(invalid_input("Invalid chunk body CR")),
            (State::DataLf, b'\n') => Ok(State::Start),
            (State::DataLf, _) => Err(invalid_input("Invalid chunk body LF")),
            (State::LineStart, b'\r') => Ok(State::EndLf),
            (State::Trailer, b'\r') => Ok(State::TrailerLf),
            (State::LineStart | State::Trailer, _) => self.trailer(byte),
            (State::TrailerLf, b'\n') => self.end_of_trailer(),
            (State::TrailerLf, _) => Err(invalid_input("Invalid trailer end LF")),
            (State::EndLf, b'\n') => Ok(State::End),
            (State::EndLf, _) => Err(invalid_input("Invalid chunk end LF")),
            (State::Data | State::End, _) => Ok(self.state),
        }
    }

    fn digit(&mut self, byte: u8) -> io::Result<State> {
        let digit = char::from(byte).to_digit(16).unwrap_or(0);
        let size = self.left.checked_mul(16).and_then(|size| size.checked_add(digit.into()));
        self.left = size.ok_or_else(|| invalid_data("invalid chunk size: overflow"))?;
        Ok(State::Size)
    }

    fn extension(&mut self) -> io::Result<State> {
        self.bytes = self.bytes.saturating_add(1);
        match self.bytes < MOST_EXTENSION_BYTES as u32 {
            true => Ok(State::Extension),
            false => Err(invalid_data("chunk extensions over limit")),
        }
    }

    /// The size of a chunk is known.
    fn begin(&mut self) -> State {
        if self.lasts || self.left == 0 {
            self.bytes = 0;
        }
        if self.left == 0 { State::LineStart } else { State::Data }
    }

    fn trailer(&mut self, byte: u8) -> io::Result<State> {
        self.line.push(byte);
        self.bytes = self.bytes.saturating_add(1);
        match self.bytes < MOST_HEAD_BYTES as u32 {
            true => Ok(State::Trailer),
            false => Err(invalid_data("chunk trailers bytes over limit")),
        }
    }

    /// Trailers carry nothing here, but what is none is a sign of another protocol.
    fn end_of_trailer(&mut self) -> io::Result<State> {
        if self.trailers >= MOST_HEADERS as u32 {
            return Err(invalid_data("chunk trailers count overflow"));
        }
        self.trailers = self.trailers.saturating_add(1);
        let line = std::mem::take(&mut self.line);
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let name = parts.next().unwrap_or_default();
        let value = parts.next().ok_or_else(|| invalid_input("invalid header name"))?;
        http::HeaderName::from_bytes(name).map_err(|_| invalid_input("invalid header name"))?;
        http::HeaderValue::from_bytes(value.trim_ascii()).map_err(|_| invalid_input("invalid header value"))?;
        Ok(State::LineStart)
    }
}

fn invalid_input(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

fn invalid_data(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The data of the body, and what is left behind its end; or why it is none.
    fn decoded(pieces: &[&[u8]]) -> io::Result<(Vec<u8>, Vec<u8>)> {
        decoded_by(Chunks::default(), pieces)
    }

    fn decoded_by(mut chunks: Chunks, pieces: &[&[u8]]) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let mut data = Vec::new();
        let mut bytes = BytesMut::new();
        let mut pieces = pieces.iter();
        loop {
            match chunks.next(&mut bytes)? {
                Piece::Data(piece) => data.extend_from_slice(&piece),
                Piece::End => {
                    let left = pieces.flat_map(|piece| piece.iter().copied());
                    return Ok((data, bytes.iter().copied().chain(left).collect()));
                }
                Piece::NeedsMore => match pieces.next() {
                    Some(piece) => bytes = BytesMut::from(*piece),
                    None => return Err(chunks.ended()),
                },
            }
        }
    }

    fn refusal(body: &[u8]) -> (io::ErrorKind, String) {
        let error = decoded(&[body]).expect_err("a refusal");
        (error.kind(), error.to_string())
    }

    #[test]
    fn chunks_are_found_at_every_split() {
        let body = b"3\r\nabc\r\nA ;name=\"value\"\r\n0123456789\r\n0000\r\nTrailer: 1\r\nOther:\r\n\r\nNEXT";
        let expected = (b"abc0123456789".to_vec(), b"NEXT".to_vec());
        for first in 0..=body.len() {
            for second in first..=body.len() {
                let pieces = [&body[..first], &body[first..second], &body[second..]];
                assert_eq!(decoded(&pieces).expect("a body"), expected, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn every_truncated_body_is_told_from_a_whole_one() {
        let body = b"3\r\nabc\r\n2;x\r\nde\r\n0\r\nA: b\r\n\r\n";
        for length in 0..body.len() {
            let (kind, why) = refusal(&body[..length]);
            assert_eq!(kind, io::ErrorKind::UnexpectedEof, "{length} bytes: {why}");
        }
        assert!(refusal(b"5\r\nabc").1.contains("before message length reached"));
    }

    #[test]
    fn sizes_that_are_none_are_refused() {
        for size in ["", "x", "-1", "1x", "1 2", "0x1", "\u{661}", " 1", ";", "\n"] {
            let (kind, why) = refusal(format!("{size}\r\na\r\n").as_bytes());
            assert_eq!(kind, io::ErrorKind::InvalidInput, "{size:?}: {why}");
        }
        assert_eq!(refusal(b"10000000000000000\r\n").1, "invalid chunk size: overflow");
        let (kind, _) = refusal(b"ffffffffffffffff\r\nabc");
        assert_eq!(kind, io::ErrorKind::UnexpectedEof, "the largest of all, and cut off");
    }

    #[test]
    fn what_is_between_the_chunks_is_looked_at() {
        for body in [&b"1\r\nab"[..], b"1\r\na\rb", b"1\ra", b"0\r\n\ra", b"0\r\nA: b\rc", b"0\r\nno trailer\r\n"] {
            assert_eq!(refusal(body).0, io::ErrorKind::InvalidInput, "{body:?}");
        }
        assert_eq!(refusal(b"1;a\nb").0, io::ErrorKind::InvalidData);
    }

    #[test]
    fn extensions_and_trailers_are_bounded_but_not_over_a_whole_watch() {
        let long = "x".repeat(MOST_EXTENSION_BYTES);
        assert_eq!(refusal(format!("1;{long}").as_bytes()).1, "chunk extensions over limit");
        let chunk = format!("1;{}\r\na\r\n", "x".repeat(MOST_EXTENSION_BYTES - 1));
        let body = chunk.repeat(3) + "0\r\n\r\n";
        assert_eq!(decoded_by(Chunks::that_last(), &[body.as_bytes()]).expect("a body").0, b"aaa");
        assert_eq!(refusal(body.as_bytes()).1, "chunk extensions over limit");
        let endless = format!("0\r\nA: {}", "x".repeat(MOST_HEAD_BYTES));
        assert_eq!(refusal(endless.as_bytes()).1, "chunk trailers bytes over limit");
        let many = format!("0\r\n{}", "A: b\r\n".repeat(MOST_HEADERS + 1));
        assert_eq!(refusal(many.as_bytes()).1, "chunk trailers count overflow");
    }
}
