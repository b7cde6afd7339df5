//! What a successful keys call gives back. All text lives in one vector and all children in another, however large the
//! listing is: no allocation per string, and none for a node that was asked for by its key.

use super::error::{Error, Result};
use super::memory;
use super::status::Status;

/// A piece of the text, without the NUL that follows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    len: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Action {
    Unknown = 0,
    Get = 1,
    Set = 2,
    Create = 3,
    Update = 4,
    Delete = 5,
    CompareAndSwap = 6,
    CompareAndDelete = 7,
    Expire = 8,
    /// Ours, not the server's: the whole state, where a watch has lost its history.
    Resync = 9,
}

const RESYNC: &str = "resync";

impl Action {
    fn from_name(name: &str) -> Action {
        match name {
            "get" => Action::Get,
            "set" => Action::Set,
            "create" => Action::Create,
            "update" => Action::Update,
            "delete" => Action::Delete,
            "compareAndSwap" => Action::CompareAndSwap,
            "compareAndDelete" => Action::CompareAndDelete,
            "expire" => Action::Expire,
            RESYNC => Action::Resync,
            _ => Action::Unknown,
        }
    }

    /// Whether the node is gone after it.
    pub fn removes(self) -> bool {
        matches!(self, Action::Delete | Action::CompareAndDelete | Action::Expire)
    }
}

/// When a node expires, as the server said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiration {
    pub unix_seconds: i64,
    pub nanoseconds: i32,
}

/// Children of one node stand next to each other in the response's nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Children {
    start: u32,
    count: u32,
}

/// Kept small, since a listing has many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Node {
    pub key: Span,
    pub value: Span,
    pub created_index: u64,
    pub modified_index: u64,
    pub children: Children,
    pub lifetime: Lifetime,
    /// Files have one, even if it is empty; directories and deleted keys have none.
    pub has_value: bool,
    pub is_dir: bool,
}

/// Where the response has what few nodes have: a TTL and its end. 0 stands for neither.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lifetime(u32);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    text: Vec<u8>,
    /// The children of all directories.
    nodes: Vec<Node>,
    lifetimes: Vec<(i64, Option<Expiration>)>,
    node: Option<Node>,
    prev_node: Option<Node>,
    action: Span,
    cluster_id: Span,
    index: u64,
    was_resent: bool,
}

impl Response {
    /// Whether another copy of the same write may still be carried out.
    pub fn was_resent(&self) -> bool {
        self.was_resent
    }

    pub fn resent(self, was_resent: bool) -> Response {
        Response { was_resent, ..self }
    }

    pub fn action_name(&self) -> &[u8] {
        self.text(self.action)
    }

    pub fn action(&self) -> Action {
        std::str::from_utf8(self.action_name()).map_or(Action::Unknown, Action::from_name)
    }

    pub fn index(&self) -> u64 {
        self.index
    }

    pub fn cluster_id(&self) -> &[u8] {
        self.text(self.cluster_id)
    }

    pub fn node(&self) -> Option<&Node> {
        self.node.as_ref()
    }

    pub fn prev_node(&self) -> Option<&Node> {
        self.prev_node.as_ref()
    }

    /// The children of all directories.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The positions of a node's children among `nodes`.
    pub fn children(&self, node: &Node) -> std::ops::Range<usize> {
        let start = node.children.start as usize;
        start..start + node.children.count as usize
    }

    pub fn ttl(&self, node: &Node) -> i64 {
        self.lifetime(node).map_or(0, |(ttl, _)| *ttl)
    }

    pub fn expiration(&self, node: &Node) -> Option<Expiration> {
        self.lifetime(node).and_then(|(_, expiration)| *expiration)
    }

    fn lifetime(&self, node: &Node) -> Option<&(i64, Option<Expiration>)> {
        self.lifetimes.get((node.lifetime.0 as usize).checked_sub(1)?)
    }

    /// Text without its NUL.
    pub fn text(&self, span: Span) -> &[u8] {
        let start = span.start as usize;
        self.text.get(start..start + span.len as usize).unwrap_or(b"")
    }

    /// Text with the NUL that follows it, for C.
    pub fn text_with_nul(&self, span: Span) -> &[u8] {
        let start = span.start as usize;
        self.text.get(start..start + span.len as usize + 1).unwrap_or(b"\0")
    }

    /// An event happened when the store had at least its own index.
    pub fn raise_index(&mut self, index: u64) {
        self.index = self.index.max(index);
    }

    /// The same state as what a watch hands over when it has lost the history.
    pub fn into_resync(self) -> Result<Response> {
        let mut builder = Builder { response: self, pending: Vec::new() };
        builder.response.action = builder.add_text(RESYNC.as_bytes())?;
        Ok(builder.response)
    }

    /// What a watch hands over when there is nothing at its key.
    pub fn resync_of_nothing(index: u64, cluster_id: &[u8]) -> Result<Response> {
        Builder::with_text_capacity(RESYNC.len())?.finish(index, cluster_id).and_then(Response::into_resync)
    }

    /// About how much memory it takes.
    pub fn weight(&self) -> usize {
        let nodes = self.nodes.len().saturating_mul(size_of::<Node>());
        let lifetimes = self.lifetimes.len().saturating_mul(size_of::<(i64, Option<Expiration>)>());
        size_of::<Response>().saturating_add(self.text.len()).saturating_add(nodes).saturating_add(lifetimes)
    }

    pub fn action_with_nul(&self) -> &[u8] {
        self.text_with_nul(self.action)
    }

    pub fn cluster_id_with_nul(&self) -> &[u8] {
        self.text_with_nul(self.cluster_id)
    }
}

/// More than 4 GiB of text or nodes cannot be addressed; answers are limited to far less.
fn position(length: usize) -> Result<u32> {
    u32::try_from(length).map_err(|_| Error::new(Status::TooLarge, "an answer has more than 4 GiB of text or nodes"))
}

/// Fills a response front to back, in the order in which an answer is read.
#[derive(Debug)]
pub struct Builder {
    response: Response,
    /// Nodes whose siblings are still being read; a node's children are moved behind each other when all are there.
    pending: Vec<Node>,
}

impl Builder {
    /// The text of an answer is never longer than the answer.
    pub fn with_text_capacity(bytes: usize) -> Result<Builder> {
        // The first byte is the empty text that absent spans point to.
        let mut text = memory::list(bytes.saturating_add(64), "the text of an answer")?;
        text.push(0);
        Ok(Builder { response: Response { text, ..Response::default() }, pending: Vec::new() })
    }

    #[inline]
    pub fn add_text(&mut self, text: &[u8]) -> Result<Span> {
        let (start, len) = (position(self.response.text.len())?, position(text.len())?);
        memory::grow(&mut self.response.text, text.len().saturating_add(1), "the text of an answer")?;
        self.response.text.extend_from_slice(text);
        self.response.text.push(0);
        Ok(Span { start, len })
    }

    /// Begins a text that comes in pieces.
    pub fn begin_text(&self) -> usize {
        self.response.text.len()
    }

    #[inline]
    pub fn append_text(&mut self, piece: &[u8]) -> Result<()> {
        memory::grow(&mut self.response.text, piece.len(), "the text of an answer")?;
        self.response.text.extend_from_slice(piece);
        Ok(())
    }

    /// Takes the last bytes of an unfinished text back.
    #[inline]
    pub fn drop_text(&mut self, bytes: usize) {
        self.response.text.truncate(self.response.text.len().saturating_sub(bytes));
    }

    pub fn text_since(&self, begin: usize) -> &[u8] {
        self.response.text.get(begin..).unwrap_or_default()
    }

    /// What was appended since `begin` is one text.
    #[inline]
    pub fn end_text(&mut self, begin: usize) -> Result<Span> {
        let (start, len) = (position(begin)?, position(self.response.text.len().saturating_sub(begin))?);
        if len == 0 {
            return Ok(Span::default());
        }
        self.append_text(&[0])?;
        Ok(Span { start, len })
    }

    pub fn add_lifetime(&mut self, ttl: i64, expiration: Option<Expiration>) -> Result<Lifetime> {
        memory::grow(&mut self.response.lifetimes, 1, NODES)?;
        self.response.lifetimes.push((ttl, expiration));
        position(self.response.lifetimes.len()).map(Lifetime)
    }

    /// Marks where the children of a node begin.
    pub fn begin_children(&self) -> usize {
        self.pending.len()
    }

    /// Makes room for that many more at once. They are expected and not there: a lack of memory says nothing yet.
    pub fn expect_children(&mut self, count: usize) {
        drop(memory::grow(&mut self.pending, count, NODES));
    }

    #[inline]
    pub fn add_child(&mut self, node: Node) -> Result<()> {
        memory::grow(&mut self.pending, 1, NODES)?;
        self.pending.push(node);
        Ok(())
    }

    /// Moves the children that were added since `begin` to their place.
    pub fn end_children(&mut self, begin: usize) -> Result<Children> {
        let begin = begin.min(self.pending.len());
        let (start, count) = (position(self.response.nodes.len())?, position(self.pending.len() - begin)?);
        if begin == 0 && self.response.nodes.is_empty() {
            // A plain listing, of which there need not be two for a moment.
            std::mem::swap(&mut self.pending, &mut self.response.nodes);
        } else {
            memory::grow(&mut self.response.nodes, self.pending.len() - begin, NODES)?;
            self.response.nodes.extend(self.pending.drain(begin..));
        }
        Ok(Children { start, count })
    }

    pub fn set_node(&mut self, node: Node) {
        self.response.node = Some(node);
    }

    pub fn set_prev_node(&mut self, node: Node) {
        self.response.prev_node = Some(node);
    }

    pub fn set_action(&mut self, action: Span) {
        self.response.action = action;
    }

    pub fn finish(mut self, index: u64, cluster_id: &[u8]) -> Result<Response> {
        self.response.index = index;
        self.response.cluster_id = self.add_text(cluster_id)?;
        Ok(self.response)
    }
}

const NODES: &str = "the nodes of an answer";
