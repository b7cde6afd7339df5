//! Cuts the body of a watch into JSON documents. etcd ends each with a newline, but nothing here relies on it: a
//! document ends where its outermost bracket closes.

use bytes::{Bytes, BytesMut};

use crate::core::error::Result;
use crate::core::memory;

#[derive(Debug, Default)]
pub struct Documents {
    buffer: BytesMut,
    /// How much of the buffer has been looked at.
    looked_at: usize,
    depth: usize,
    in_string: bool,
    is_escaped: bool,
}

impl Documents {
    pub fn add(&mut self, piece: &[u8]) -> Result<()> {
        let length = self.buffer.len() + piece.len();
        // The buffer grows by doubling itself, and without asking.
        if length > self.buffer.capacity() {
            memory::room(length.saturating_mul(2), "an event of a watch")?;
        }
        self.buffer.extend_from_slice(piece);
        Ok(())
    }

    /// The next complete document, if there is one.
    pub fn take(&mut self) -> Option<Bytes> {
        if self.depth == 0 && self.looked_at == 0 {
            self.skip_white_space();
        }
        let mut end = None;
        for (offset, byte) in self.buffer.iter().enumerate().skip(self.looked_at) {
            if self.in_string {
                match byte {
                    _ if self.is_escaped => self.is_escaped = false,
                    b'\\' => self.is_escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                // What is no object, such as a number, ends with its line.
                b'\n' => {}
                _ => continue,
            }
            if self.depth == 0 && !self.in_string && *byte != b'"' {
                end = Some(offset + 1);
                break;
            }
        }
        self.looked_at = self.buffer.len();
        let document = self.buffer.split_to(end?).freeze();
        self.looked_at = 0;
        self.release_when_empty();
        Some(document)
    }

    /// Whether the body ended in the middle of a document.
    pub fn is_unfinished(&mut self) -> bool {
        self.skip_white_space();
        !self.buffer.is_empty()
    }

    pub fn unfinished_bytes(&self) -> usize {
        self.buffer.len()
    }

    fn skip_white_space(&mut self) {
        let blank = self.buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let _ = self.buffer.split_to(blank);
        self.looked_at = self.looked_at.saturating_sub(blank);
        self.release_when_empty();
    }

    /// An empty buffer would keep what the largest burst needed.
    fn release_when_empty(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&[u8]]) -> (Vec<String>, bool) {
        let mut documents = Documents::default();
        let mut found = Vec::new();
        for piece in pieces {
            documents.add(piece).expect("room");
            while let Some(document) = documents.take() {
                found.push(String::from_utf8_lossy(&document).trim().to_owned());
            }
        }
        (found, documents.is_unfinished())
    }

    #[test]
    fn documents_are_found_wherever_the_pieces_end() {
        let body = "{\"a\":\"}\\\"{\"}\n{\"b\":[{},{}]}\n\n{}{\"c\":1}\n";
        let expected: Vec<String> =
            ["{\"a\":\"}\\\"{\"}", "{\"b\":[{},{}]}", "{}", "{\"c\":1}"].map(String::from).into();
        for size in 1..=body.len() {
            let pieces: Vec<&[u8]> = body.as_bytes().chunks(size).collect();
            assert_eq!(cut(&pieces), (expected.clone(), false), "pieces of {size} bytes");
        }
    }

    #[test]
    fn a_cut_document_is_noticed() {
        assert_eq!(cut(&[b"{}\n{\"a\":"]), (vec!["{}".to_owned()], true));
        assert_eq!(cut(&[b"\"abc"]), (vec![], true));
    }

    #[test]
    fn what_is_no_object_is_handed_on_for_the_parser_to_refuse() {
        assert_eq!(cut(&[b"nonsense\n{}\n"]).0, ["nonsense", "{}"]);
        assert_eq!(cut(&[b"}{}"]).0, ["}", "{}"]);
    }

    #[test]
    fn what_was_taken_leaves_no_memory_behind() {
        let mut documents = Documents::default();
        documents.add(&b"{}\n".repeat(1000)).expect("memory");
        while documents.take().is_some() {}
        assert_eq!(documents.buffer.capacity(), 0);
    }

    #[test]
    fn white_space_is_nothing() {
        assert_eq!(cut(&[b" \n\r\n "]), (vec![], false));
    }
}
