//! The document in an answer to a keys request: parsed once, straight into a response, without an allocation per string.
//! What etcd writes is read by `keys_plain`; serde_json reads everything else, and says what is wrong with it.

use std::fmt;

use bytes::Bytes;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{expiration, keys_plain};
use crate::core::error::{Error, Result};
use crate::core::memory;
use crate::core::response::{Builder, Children, Expiration, Node, Span};
use crate::faults::{self, Place};
use crate::rt::thread;

/// Directories deeper than this are read by nobody: etcd takes keys of 4 KB.
const DEEPEST: usize = 4096;

/// What such a tree needs, with room to spare; only what is used takes memory.
const DEEP_STACK: usize = 64 << 20;

/// Why there is no response.
pub(super) enum Unreadable {
    /// The answer is to blame.
    Senseless(String),
    /// It could not be read here.
    Failed(Error),
}

/// Fills the response, and gives whether the document has an action.
pub(super) fn parse(body: &Bytes, builder: &mut Builder) -> std::result::Result<bool, Unreadable> {
    match keys_plain::parse(body, builder).map_err(Unreadable::Failed)? {
        Some(has_action) => Ok(has_action),
        None => parse_any(body, builder),
    }
}

/// Any JSON that says what a response needs, in whatever order and with whatever else.
#[cold]
pub(super) fn parse_any(body: &Bytes, builder: &mut Builder) -> std::result::Result<bool, Unreadable> {
    // Checked once for the whole body, and not string by string.
    let text = std::str::from_utf8(body).map_err(|error| Unreadable::Senseless(format!("it is not UTF-8: {error}")))?;
    let (parsed, has_action) = match parse_text(text, false) {
        // serde_json stops at 128 levels, which any stack carries. A deeper tree is read on a stack that is made for it.
        Err(Unreadable::Senseless(why)) if why.starts_with("recursion limit exceeded") => {
            let body = body.clone();
            let deep = move || {
                faults::here(Place::DeepDecode, &body);
                parse_text(std::str::from_utf8(&body).unwrap_or_default(), true)
            };
            thread::run_with_stack("etcd-parse", DEEP_STACK, deep).map_err(Unreadable::Failed)??
        }
        parsed => parsed?,
    };
    *builder = parsed;
    Ok(has_action)
}

fn parse_text(text: &str, is_deep: bool) -> std::result::Result<(Builder, bool), Unreadable> {
    // serde_json undoes escapes in a buffer of its own, which grows to the longest string.
    if text.len() > memory::LARGE && text.as_bytes().contains(&b'\\') {
        memory::room(text.len().saturating_mul(2), "an answer with escapes").map_err(Unreadable::Failed)?;
    }
    let builder = Builder::with_text_capacity(text.len()).map_err(Unreadable::Failed)?;
    let mut reading = Reading { builder, failed: None };
    let mut json = serde_json::Deserializer::from_str(text);
    if is_deep {
        json.disable_recursion_limit();
    }
    let has_action =
        TopSeed(&mut reading).deserialize(&mut json).and_then(|has_action| json.end().map(|()| has_action));
    match (has_action, reading.failed) {
        (Ok(has_action), _) => Ok((reading.builder, has_action)),
        (Err(_), Some(failed)) => Err(Unreadable::Failed(failed)),
        (Err(error), None) => Err(Unreadable::Senseless(error.to_string())),
    }
}

/// What a document is read into.
struct Reading {
    builder: Builder,
    /// Why it could not be read on, where the document is not to blame: serde carries only texts.
    failed: Option<Error>,
}

impl Reading {
    fn noting<T, E: de::Error>(&mut self, result: Result<T>) -> std::result::Result<T, E> {
        result.map_err(|error| {
            self.failed = Some(error);
            E::custom("there is no room for it")
        })
    }
}

/// The whole document; gives whether it has an action.
struct TopSeed<'a>(&'a mut Reading);

impl<'de> DeserializeSeed<'de> for TopSeed<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<bool, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TopSeed<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with action and node")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<bool, A::Error> {
        let mut has_action = false;
        while let Some(name) = map.next_key::<Name>()? {
            match name {
                Name::Action => {
                    let action = map.next_value_seed(TextSeed(self.0))?;
                    has_action = action != Span::default();
                    self.0.builder.set_action(action);
                }
                Name::Node => {
                    if let Some(node) = map.next_value_seed(NodeSeed(self.0, 0))? {
                        self.0.builder.set_node(node);
                    }
                }
                Name::PrevNode => {
                    if let Some(node) = map.next_value_seed(NodeSeed(self.0, 0))? {
                        self.0.builder.set_prev_node(node);
                    }
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(has_action)
    }
}

/// A node, and how many directories it is in.
struct NodeSeed<'a>(&'a mut Reading, usize);

impl<'de> DeserializeSeed<'de> for NodeSeed<'_> {
    type Value = Option<Node>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NodeSeed<'_> {
    type Value = Option<Node>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a node")
    }

    fn visit_unit<E: de::Error>(self) -> std::result::Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        let mut node = Node::default();
        let (mut ttl, mut expiration) = (0, None);
        while let Some(name) = map.next_key::<Name>()? {
            match name {
                Name::Key => node.key = map.next_value_seed(TextSeed(self.0))?,
                Name::Value => {
                    node.value = map.next_value_seed(TextSeed(self.0))?;
                    node.has_value = true;
                }
                Name::Dir => node.is_dir = map.next_value::<Option<bool>>()?.unwrap_or(false),
                Name::Nodes => node.children = map.next_value_seed(NodesSeed(self.0, self.1))?,
                Name::CreatedIndex => node.created_index = map.next_value::<Option<u64>>()?.unwrap_or(0),
                Name::ModifiedIndex => node.modified_index = map.next_value::<Option<u64>>()?.unwrap_or(0),
                Name::Ttl => ttl = map.next_value::<Option<i64>>()?.unwrap_or(0),
                Name::Expiration => expiration = map.next_value_seed(ExpirationSeed)?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if ttl != 0 || expiration.is_some() {
            let lifetime = self.0.builder.add_lifetime(ttl, expiration);
            node.lifetime = self.0.noting(lifetime)?;
        }
        Ok(Some(node))
    }
}

struct NodesSeed<'a>(&'a mut Reading, usize);

impl<'de> DeserializeSeed<'de> for NodesSeed<'_> {
    type Value = Children;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Children, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NodesSeed<'_> {
    type Value = Children;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of nodes")
    }

    fn visit_unit<E: de::Error>(self) -> std::result::Result<Children, E> {
        Ok(Children::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut nodes: A) -> std::result::Result<Children, A::Error> {
        if self.1 >= DEEPEST {
            return Err(de::Error::custom(format_args!("more than {DEEPEST} directories in each other")));
        }
        let begin = self.0.builder.begin_children();
        while let Some(node) = nodes.next_element_seed(NodeSeed(self.0, self.1 + 1))? {
            if let Some(node) = node {
                let added = self.0.builder.add_child(node);
                self.0.noting(added)?;
            }
        }
        let children = self.0.builder.end_children(begin);
        self.0.noting(children)
    }
}

/// Copies a string to the response as it is read; null is the empty text.
struct TextSeed<'a>(&'a mut Reading);

impl<'de> DeserializeSeed<'de> for TextSeed<'_> {
    type Value = Span;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Span, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for TextSeed<'_> {
    type Value = Span;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_unit<E: de::Error>(self) -> std::result::Result<Span, E> {
        Ok(Span::default())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Span, E> {
        if text.is_empty() {
            return Ok(Span::default());
        }
        let added = self.0.builder.add_text(text.as_bytes());
        self.0.noting(added)
    }
}

/// RFC 3339, with `Z` from etcd 2 and 3 and with an offset in old data.
struct ExpirationSeed;

impl<'de> DeserializeSeed<'de> for ExpirationSeed {
    type Value = Option<Expiration>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for ExpirationSeed {
    type Value = Option<Expiration>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a time as in RFC 3339")
    }

    fn visit_unit<E: de::Error>(self) -> std::result::Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Self::Value, E> {
        let read = expiration::read(text).map_err(|error| E::custom(format_args!("expiration '{text}': {error}")))?;
        Ok(Some(read))
    }
}

/// The names in an answer; case matters, as in Go's decoder of successful answers.
enum Name {
    Action,
    Node,
    PrevNode,
    Key,
    Value,
    Dir,
    Nodes,
    CreatedIndex,
    ModifiedIndex,
    Ttl,
    Expiration,
    Other,
}

impl<'de> de::Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Name, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = Name;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a name")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> std::result::Result<Name, E> {
                Ok(match name {
                    "action" => Name::Action,
                    "node" => Name::Node,
                    "prevNode" => Name::PrevNode,
                    "key" => Name::Key,
                    "value" => Name::Value,
                    "dir" => Name::Dir,
                    "nodes" => Name::Nodes,
                    "createdIndex" => Name::CreatedIndex,
                    "modifiedIndex" => Name::ModifiedIndex,
                    "ttl" => Name::Ttl,
                    "expiration" => Name::Expiration,
                    _ => Name::Other,
                })
            }
        }
        deserializer.deserialize_identifier(NameVisitor)
    }
}
