//! One request exactly as it came, and how it is read off a connection.

/// A request as a scripted server received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method, such as `PUT`.
    pub method: String,
    /// The request target as it came, such as `/v2/keys/foo?recursive=true`.
    pub target: String,
    /// The version, such as `HTTP/1.1`.
    pub version: String,
    /// Names and values in the order and the spelling in which they came.
    pub headers: Vec<(String, String)>,
    /// The body, with the chunks of a chunked one put together.
    pub body: Vec<u8>,
    /// The number of the connection on which it came: 0 is the first that was accepted.
    pub connection: usize,
    /// Every byte of it.
    pub raw: Vec<u8>,
}

/// What a look at the bytes received so far finds.
pub(crate) enum Parsed {
    /// A request; its length is that of `raw`.
    Whole(Request),
    /// The beginning of one.
    Part,
    /// Something that no further byte makes a request.
    Nonsense,
}

/// The first byte of what a client sends to find out whether TLS is spoken here.
const TLS_HANDSHAKE: u8 = 22;

impl Request {
    /// The first header of that name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The query as it came, without the question mark.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The names and values of the query, decoded, in order.
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        decode_form(self.query())
    }

    /// The names and values of a form body, decoded, in order.
    pub fn form(&self) -> Vec<(String, String)> {
        decode_form(self.text())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_else(|_| panic!("the body is no text: {self:?}"))
    }

    /// Whether the client wants the connection closed after the answer.
    pub(crate) fn wants_close(&self) -> bool {
        let connection = self.header("connection").unwrap_or_default().to_ascii_lowercase();
        connection == "close" || (self.version == "HTTP/1.0" && connection != "keep-alive")
    }

    /// Looks for a request at the beginning of `bytes`.
    pub(crate) fn parse(bytes: &[u8], connection: usize) -> Parsed {
        if bytes.first() == Some(&TLS_HANDSHAKE) {
            return Parsed::Nonsense;
        }
        let Some(head_length) = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|start| start + 4) else {
            return Parsed::Part;
        };
        let head = String::from_utf8_lossy(&bytes[..head_length - 4]).into_owned();
        let mut lines = head.split("\r\n");
        let first: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
        let [method, target, version] = first[..] else { return Parsed::Nonsense };
        let headers = lines.map(|line| line.split_once(':').map(|(name, value)| (name.into(), value.trim().into())));
        let Some(headers) = headers.collect::<Option<Vec<(String, String)>>>() else { return Parsed::Nonsense };
        let (method, target, version) = (method.into(), target.into(), version.into());
        let mut request =
            Self { method, target, version, headers, body: Vec::new(), connection, raw: bytes[..head_length].into() };
        let body_length = match request.read_body(&bytes[head_length..]) {
            Ok(Some(length)) => length,
            Ok(None) => return Parsed::Part,
            Err(NoBody) => return Parsed::Nonsense,
        };
        request.raw.extend_from_slice(&bytes[head_length..head_length + body_length]);
        Parsed::Whole(request)
    }

    /// Takes the body from the bytes after the head, and tells how many it took; `None` while some are missing.
    fn read_body(&mut self, bytes: &[u8]) -> Result<Option<usize>, NoBody> {
        if self.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            let Some((body, length)) = read_chunks(bytes)? else { return Ok(None) };
            self.body = body;
            return Ok(Some(length));
        }
        let length = self.header("content-length").map_or(Ok(0), str::parse).map_err(|_| NoBody)?;
        let Some(body) = bytes.get(..length) else { return Ok(None) };
        self.body = body.into();
        Ok(Some(length))
    }
}

/// The announced body is impossible.
struct NoBody;

/// Puts the chunks together, and tells how many bytes they and their trailers took.
fn read_chunks(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, NoBody> {
    let mut body = Vec::new();
    let mut position = 0;
    let line_at = |position: usize| {
        let length = bytes[position..].windows(2).position(|two| two == b"\r\n");
        length.map(|length| (&bytes[position..position + length], position + length + 2))
    };
    loop {
        let Some((line, start)) = line_at(position) else { return Ok(None) };
        let size = std::str::from_utf8(line).map_err(|_| NoBody)?.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| NoBody)?;
        if size == 0 {
            position = start;
            break;
        }
        let Some(chunk) = bytes.get(start..start + size) else { return Ok(None) };
        match bytes.get(start + size..start + size + 2) {
            Some(b"\r\n") => body.extend_from_slice(chunk),
            Some(_) => return Err(NoBody),
            None => return Ok(None),
        }
        position = start + size + 2;
    }
    // Trailers, up to an empty line.
    loop {
        let Some((line, next)) = line_at(position) else { return Ok(None) };
        position = next;
        if line.is_empty() {
            return Ok(Some((body, position)));
        }
    }
}

fn decode_form(form: &str) -> Vec<(String, String)> {
    let pairs = form.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// Undoes percent-encoding and the plus that stands for a space.
fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let escaped = if first == b'%' { after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok()) } else { None };
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => bytes.push(if first == b'+' { b' ' } else { first }),
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| panic!("not UTF-8 once decoded: {text}"))
}
