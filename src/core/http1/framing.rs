//! How the end of a body is known (RFC 9112, 6.3).

use std::io;

use bytes::{Bytes, BytesMut};

use super::chunks::{Chunks, Piece};

#[derive(Debug)]
pub enum Framing {
    /// So much is left.
    Length(u64),
    Chunked(Chunks),
    UntilClose,
}

impl Framing {
    /// The same for a body that goes on for as long as there is news.
    pub fn that_lasts(self) -> Framing {
        match self {
            Framing::Chunked(_) => Framing::Chunked(Chunks::that_last()),
            other => other,
        }
    }

    /// The next piece of the body, out of what has come.
    pub fn next(&mut self, incoming: &mut BytesMut) -> io::Result<Piece> {
        match self {
            Framing::Length(0) => Ok(Piece::End),
            Framing::Chunked(chunks) => chunks.next(incoming),
            _ if incoming.is_empty() => Ok(Piece::NeedsMore),
            Framing::Length(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(incoming.len());
                *left = left.saturating_sub(length as u64);
                Ok(Piece::Data(incoming.split_to(length).freeze()))
            }
            Framing::UntilClose => Ok(Piece::Data(incoming.split().freeze())),
        }
    }

    /// How many bytes the piece that begins here has, be they there already or not; what stands before it is taken. 0 where
    /// none begins, or nobody knows how long it is.
    pub fn announced(&mut self, incoming: &mut BytesMut) -> io::Result<u64> {
        match self {
            Framing::Length(left) => Ok(*left),
            Framing::Chunked(chunks) => chunks.announced(incoming),
            Framing::UntilClose => Ok(0),
        }
    }

    /// So much of what was announced was taken past `next`.
    pub fn took(&mut self, bytes: usize) {
        match self {
            Framing::Length(left) => *left = left.saturating_sub(bytes as u64),
            Framing::Chunked(chunks) => chunks.took(bytes),
            Framing::UntilClose => {}
        }
    }

    /// Whether the whole body was read, and another answer can follow it.
    pub fn has_ended(&self) -> bool {
        match self {
            Framing::Length(left) => *left == 0,
            Framing::Chunked(chunks) => chunks.has_ended(),
            Framing::UntilClose => false,
        }
    }

    /// The server has closed the connection.
    pub fn closed(&self) -> io::Result<()> {
        match self {
            Framing::UntilClose => Ok(()),
            Framing::Chunked(chunks) => Err(chunks.ended()),
            Framing::Length(_) => {
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, "end of file before message length reached"))
            }
        }
    }
}

/// What the header lines say about the body, in the order in which they stand.
#[derive(Debug, Default)]
pub struct Announcement {
    length: Option<u64>,
    has_bad_length: bool,
    is_coded: bool,
    /// Of the last coding, which is the outermost.
    is_chunked: bool,
}

impl Announcement {
    /// Several lengths have to be the same.
    pub fn content_length(&mut self, value: &[u8]) {
        for text in value.split(|byte| *byte == b',') {
            match (digits(text.trim_ascii()), self.length) {
                (Some(length), None) => self.length = Some(length),
                (Some(length), Some(before)) if length == before => {}
                _ => self.has_bad_length = true,
            }
        }
    }

    pub fn transfer_encoding(&mut self, value: &[u8]) {
        self.is_coded = true;
        let last = value.rsplit(|byte| *byte == b',').next().unwrap_or_default();
        self.is_chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
    }

    /// None where they contradict each other. Chunks count more than a length.
    pub fn framing(&self) -> Option<Framing> {
        match self {
            Announcement { is_coded: true, is_chunked: true, .. } => Some(Framing::Chunked(Chunks::default())),
            Announcement { is_coded: true, .. } => Some(Framing::UntilClose),
            Announcement { has_bad_length: true, .. } => None,
            Announcement { length: Some(length), .. } => Some(Framing::Length(*length)),
            _ => Some(Framing::UntilClose),
        }
    }

    pub fn is_coded(&self) -> bool {
        self.is_coded
    }
}

fn digits(text: &[u8]) -> Option<u64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    if is_number { std::str::from_utf8(text).ok()?.parse().ok() } else { None }
}

/// So much of an announced piece, which has come.
pub fn whole(incoming: &mut BytesMut, framing: &mut Framing, length: usize) -> Bytes {
    framing.took(length);
    incoming.split_to(length.min(incoming.len())).freeze()
}
