//! The documents that etcd writes, read with a sixth of the instructions that serde_json needs: compact JSON with the names
//! of a response and no others. Whatever is anything else - blanks, null, a name that is not known, a number that is no
//! plain one, an error - is not read here at all: `keys_document` reads it from its beginning, and decides what it means.
//! What is read here means the same there, which the tests compare.

use super::expiration;
use crate::core::error::{Error, Result};
use crate::core::response::{Builder, Children, Expiration, Node, Span};

/// Directories in each other. Few have more, and these take little of any stack.
const DEEPEST: usize = 32;

/// A child with everything that etcd says of it takes more bytes than this, unless its key is one of the shortest.
const SMALL_CHILD: usize = 60;

/// Fills the response, and gives whether the document has an action. None for what is not plain: what is in the response then
/// means nothing.
pub(super) fn parse(body: &[u8], builder: &mut Builder) -> Result<Option<bool>> {
    let mut reading = Reading { rest: body, builder, failed: None };
    match (reading.document(), reading.failed) {
        (_, Some(failed)) => Err(failed),
        (has_action, None) => Ok(has_action),
    }
}

/// Every function gives None for what is not plain, and where there is no memory, which `failed` tells apart.
struct Reading<'a> {
    rest: &'a [u8],
    builder: &'a mut Builder,
    failed: Option<Error>,
}

impl<'a> Reading<'a> {
    fn document(&mut self) -> Option<bool> {
        let mut has_action = false;
        self.expect(b"{\"")?;
        loop {
            if self.take(b"action\":\"") {
                let action = self.text()?;
                has_action = action != Span::default();
                self.builder.set_action(action);
            } else if self.take(b"node\":{") {
                let node = self.node(0)?;
                self.builder.set_node(node);
            } else if self.take(b"prevNode\":{") {
                let node = self.node(0)?;
                self.builder.set_prev_node(node);
            } else {
                return None;
            }
            if !self.has_another()? {
                break;
            }
        }
        self.rest.iter().all(|byte| b" \t\r\n".contains(byte)).then_some(has_action)
    }

    /// Behind the opening brace of a node that is in `depth` directories.
    fn node(&mut self, depth: usize) -> Option<Node> {
        let mut node = Node::default();
        let (mut ttl, mut expiration) = (0, None);
        if self.take(b"}") {
            return Some(node);
        }
        self.expect(b"\"")?;
        loop {
            match self.rest.first()? {
                b'k' => {
                    self.expect(b"key\":\"")?;
                    node.key = self.text()?;
                }
                b'v' => {
                    self.expect(b"value\":\"")?;
                    node.value = self.text()?;
                    node.has_value = true;
                }
                b'm' => {
                    self.expect(b"modifiedIndex\":")?;
                    node.modified_index = self.number()?;
                }
                b'c' => {
                    self.expect(b"createdIndex\":")?;
                    node.created_index = self.number()?;
                }
                b'd' => {
                    self.expect(b"dir\":")?;
                    node.is_dir = self.flag()?;
                }
                b'n' => {
                    self.expect(b"nodes\":[")?;
                    node.children = self.nodes(depth)?;
                }
                b't' => {
                    self.expect(b"ttl\":")?;
                    let is_negative = self.take(b"-");
                    let number = i64::try_from(self.number()?).ok()?;
                    // "-0" is a fraction to serde_json.
                    ttl = if is_negative { (number != 0).then_some(-number)? } else { number };
                }
                b'e' => {
                    self.expect(b"expiration\":\"")?;
                    expiration = Some(self.expiration()?);
                }
                _ => return None,
            }
            if !self.has_another()? {
                break;
            }
        }
        if ttl != 0 || expiration.is_some() {
            let lifetime = self.builder.add_lifetime(ttl, expiration);
            node.lifetime = self.noting(lifetime)?;
        }
        Some(node)
    }

    /// Behind the opening bracket.
    fn nodes(&mut self, depth: usize) -> Option<Children> {
        if depth >= DEEPEST {
            return None;
        }
        let begin = self.builder.begin_children();
        if !self.take(b"]") {
            let before = self.rest.len();
            let mut is_first = true;
            loop {
                self.expect(b"{")?;
                let node = self.node(depth + 1)?;
                if is_first {
                    self.expect_children(depth, before);
                    is_first = false;
                }
                let added = self.builder.add_child(node);
                self.noting(added)?;
                match self.next()? {
                    b',' => {}
                    b']' => break,
                    _ => return None,
                }
            }
        }
        let children = self.builder.end_children(begin);
        self.noting(children)
    }

    /// Children mostly resemble the first one, so that their number is known when it has been read.
    fn expect_children(&mut self, depth: usize, before: usize) {
        let first = before - self.rest.len();
        if depth == 0 && first >= SMALL_CHILD {
            self.builder.expect_children(before / first + 1);
        }
    }

    /// Behind the opening quotation mark, as all that reads a string.
    fn text(&mut self) -> Option<Span> {
        let (length, bits) = run(self.rest);
        let (run, behind) = self.rest.split_at_checked(length)?;
        match behind {
            [b'"', rest @ ..] => {
                self.rest = rest;
                if run.is_empty() {
                    return Some(Span::default());
                }
                if bits & HIGH != 0 && std::str::from_utf8(run).is_err() {
                    return None;
                }
                let text = self.builder.add_text(run);
                self.noting(text)
            }
            [b'\\', rest @ ..] => {
                self.rest = rest;
                self.escaped_text(run, bits)
            }
            _ => None,
        }
    }

    /// Behind the first backslash, with what stands before it.
    fn escaped_text(&mut self, before: &[u8], mut bits: u64) -> Option<Span> {
        let begin = self.builder.begin_text();
        let appended = self.builder.append_text(before);
        self.noting(appended)?;
        loop {
            self.append_unescaped()?;
            bits |= self.append_run()?;
            match self.next()? {
                b'"' => break,
                b'\\' => {}
                _ => return None,
            }
        }
        // What was escaped is UTF-8 by itself, and makes nothing else UTF-8.
        if bits & HIGH != 0 && std::str::from_utf8(self.builder.text_since(begin)).is_err() {
            return None;
        }
        let text = self.builder.end_text(begin);
        self.noting(text)
    }

    /// As `run`, copied in steps: between escapes most runs are so short that to look first and to copy then takes longer.
    #[inline]
    fn append_run(&mut self) -> Option<u64> {
        if let Some(bytes) = self.rest.first_chunk::<8>() {
            let word = u64::from_le_bytes(*bytes);
            let stops = stops(word);
            if stops != 0 {
                let length = length_before(stops);
                self.append(bytes)?;
                self.builder.drop_text(8 - length);
                self.rest = self.rest.get(length..)?;
                return Some(bits_before(word, stops));
            }
        }
        let (length, bits) = run(self.rest);
        let (run, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        let appended = self.builder.append_text(run);
        self.noting(appended)?;
        Some(bits)
    }

    #[inline]
    fn append<const N: usize>(&mut self, bytes: &[u8; N]) -> Option<()> {
        let appended = self.builder.append_text(bytes);
        self.noting(appended)
    }

    #[inline]
    fn append_unescaped(&mut self) -> Option<()> {
        match self.unescaped()? {
            ascii @ ..='\u{7f}' => self.append(&[u8::try_from(ascii).ok()?]),
            other => {
                let mut utf8 = [0; 4];
                let appended = self.builder.append_text(other.encode_utf8(&mut utf8).as_bytes());
                self.noting(appended)
            }
        }
    }

    /// Behind the backslash.
    #[inline]
    fn unescaped(&mut self) -> Option<char> {
        Some(match self.next()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex()?;
                if !(0xd800..0xdc00).contains(&first) {
                    return char::from_u32(first);
                }
                self.expect(b"\\u")?;
                let second = self.hex()?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
                char::from_u32(0x10000 + ((first - 0xd800) << 10) + second)?
            }
            _ => return None,
        })
    }

    fn hex(&mut self) -> Option<u32> {
        let (digits, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        digits.iter().try_fold(0, |number, digit| Some(number << 4 | char::from(*digit).to_digit(16)?))
    }

    /// No time has an escape in it.
    fn expiration(&mut self) -> Option<Expiration> {
        let (length, _) = run(self.rest);
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest.strip_prefix(b"\"")?;
        expiration::read(std::str::from_utf8(text).ok()?).ok()
    }

    /// Without sign, fraction and leading zeros, and well below what 64 bits hold.
    #[inline]
    fn number(&mut self) -> Option<u64> {
        const MOST_DIGITS: usize = 18;
        let (mut rest, mut number, mut digits) = (self.rest, 0, 0);
        while let [digit @ b'0'..=b'9', behind @ ..] = rest {
            if digits == MOST_DIGITS || (digits == 1 && number == 0) {
                return None;
            }
            number = number * 10 + u64::from(digit - b'0');
            digits += 1;
            rest = behind;
        }
        self.rest = rest;
        (digits > 0).then_some(number)
    }

    fn flag(&mut self) -> Option<bool> {
        if self.take(b"true") {
            return Some(true);
        }
        self.expect(b"false").map(|()| false)
    }

    /// Behind a member of an object: whether another one follows, whose opening quotation mark is taken then.
    #[inline]
    fn has_another(&mut self) -> Option<bool> {
        match self.rest {
            [b',', b'"', rest @ ..] => {
                self.rest = rest;
                Some(true)
            }
            [b'}', rest @ ..] => {
                self.rest = rest;
                Some(false)
            }
            _ => None,
        }
    }

    #[inline]
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    #[inline]
    fn take<const N: usize>(&mut self, bytes: &[u8; N]) -> bool {
        match self.rest.split_first_chunk::<N>() {
            Some((first, rest)) if first == bytes => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    #[inline]
    fn expect<const N: usize>(&mut self, bytes: &[u8; N]) -> Option<()> {
        self.take(bytes).then_some(())
    }

    #[inline]
    fn noting<T>(&mut self, result: Result<T>) -> Option<T> {
        match result {
            Ok(done) => Some(done),
            Err(error) => self.fails(error),
        }
    }

    #[cold]
    fn fails<T>(&mut self, error: Error) -> Option<T> {
        self.failed = Some(error);
        None
    }
}

/// How many bytes there are up to a quotation mark, a backslash or a control character, or to the end; and, of what is not
/// ASCII in them, all bits that are set, each in the place that it has in one of the bytes of a word.
#[inline]
fn run(bytes: &[u8]) -> (usize, u64) {
    let (mut rest, mut bits) = (bytes, 0);
    loop {
        while let Some((block, behind)) = rest.split_first_chunk::<BLOCK>()
            && is_plain_ascii(block)
        {
            rest = behind;
        }
        // The end is near, or something that is not ASCII, and then more of it.
        for _ in 0..8 {
            let Some((word, behind)) = rest.split_first_chunk::<8>() else {
                let left = rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | ..b' '));
                let length = bytes.len() - rest.len();
                return left.fold((length, bits), |(length, bits), byte| (length + 1, bits | each(*byte)));
            };
            let word = u64::from_le_bytes(*word);
            let stops = stops(word);
            if stops != 0 {
                let length = bytes.len() - rest.len() + length_before(stops);
                return (length, bits | bits_before(word, stops));
            }
            bits |= word;
            rest = behind;
        }
    }
}

const BLOCK: usize = 32;

/// Whether no byte of a block ends a run, and all of them are ASCII.
#[inline]
fn is_plain_ascii(block: &[u8; BLOCK]) -> bool {
    let (words, _) = block.as_chunks::<8>();
    words.iter().map(|word| u64::from_le_bytes(*word)).fold(0, |any, word| any | small(word) | backslash(word) | word)
        & HIGH
        == 0
}

/// With this bit changed the quotation mark is beside the control characters, and the blank and its neighbours are not.
const CHANGED: u8 = 2;

/// What comes behind the quotation mark then.
const SMALLEST: u8 = (b'"' ^ CHANGED) + 1;

/// The highest bit of each byte.
const HIGH: u64 = each(0x80);

const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The lowest bit that is set stands in the first byte that ends a run; bits above it mean nothing.
#[inline]
fn stops(word: u64) -> u64 {
    (small(word) | backslash(word)) & !word & HIGH
}

/// The highest bit of a byte is set where it is a control character or a quotation mark, and above such a one.
#[inline]
fn small(word: u64) -> u64 {
    (word ^ each(CHANGED)).wrapping_sub(each(SMALLEST))
}

/// The same for a backslash.
#[inline]
fn backslash(word: u64) -> u64 {
    (word ^ each(b'\\')).wrapping_sub(each(1))
}

#[inline]
fn length_before(stops: u64) -> usize {
    (stops.trailing_zeros() / 8) as usize
}

#[inline]
fn bits_before(word: u64, stops: u64) -> u64 {
    word & (stops & stops.wrapping_neg()).wrapping_sub(1)
}

#[cfg(test)]
#[path = "keys_plain_tests.rs"]
mod tests;
