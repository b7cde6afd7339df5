//! Answers to keys requests: parsed once, straight into a response, without an allocation per string.

use std::fmt;

use bytes::Bytes;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::failure;
use crate::core::error::{Error, Outcome, Result};
use crate::core::exchange::{Answer, Effect};
use crate::core::response::{Builder, Children, Expiration, Node, Response, Span, TooLarge};
use crate::core::status::Status;
use crate::faults::{self, Place};
use crate::rt::thread;

/// 200 and 201 are success, everything else is a refusal; 5xx never gets here.
pub fn decode(answer: &Answer, endpoint: &str, effect: Effect) -> Result<Response> {
    faults::here(Place::Decode, &answer.body);
    if !matches!(answer.http_status, 200 | 201) {
        return Err(failure::refusal(answer, endpoint, effect));
    }
    // A success that cannot be read: whether it came from etcd, and from its store, nobody can say.
    let unknown = if effect.is_write() { Outcome::MaybeApplied } else { Outcome::NotApplied };
    let senseless = |status: Status, why: &dyn fmt::Display| {
        let text =
            format!("{endpoint} answered HTTP {}, but {why}; the endpoint is probably not etcd", answer.http_status);
        Error::new(status, text).at(endpoint).with_http_status(answer.http_status).with_outcome(unknown)
    };
    if answer.body.is_empty() {
        return Err(senseless(Status::EmptyBody, &"the body is empty"));
    }
    let invalid = |why: &dyn fmt::Display| senseless(Status::InvalidResponse, why);
    if let Some(encoding) = answer.headers.get(http::header::CONTENT_ENCODING) {
        return Err(invalid(&format_args!("it is encoded as {encoding:?}, which nobody asked for")));
    }
    let (builder, has_action) = match parse(&answer.body) {
        Ok(parsed) => parsed,
        Err(Unreadable::Failed(error)) => {
            return Err(error.at(endpoint).with_http_status(answer.http_status).with_outcome(unknown));
        }
        Err(Unreadable::Senseless(why)) => {
            let excerpt = failure::excerpt(&answer.body);
            return Err(invalid(&format_args!("the body is not the JSON of etcd ({why}): {excerpt}")));
        }
    };
    if !has_action {
        return Err(invalid(&format_args!("the body has no action: {}", failure::excerpt(&answer.body))));
    }
    let index = index_of(answer).map_err(|header| {
        let error = invalid(&format_args!("its X-Etcd-Index is '{header}'"));
        // The body is etcd's, so the write is in the store.
        if effect.is_write() { error.with_outcome(Outcome::Applied) } else { error }
    })?;
    let cluster_id = answer.headers.get("x-etcd-cluster-id").map_or(&b""[..], http::HeaderValue::as_bytes);
    builder.finish(index, &without_nul(cluster_id)).map_err(|TooLarge| invalid(&"it is too large"))
}

/// Directories deeper than this are read by nobody: etcd takes keys of 4 KB.
const DEEPEST: usize = 4096;

/// What such a tree needs, with room to spare; only what is used takes memory.
const DEEP_STACK: usize = 64 << 20;

/// Why there is no response.
enum Unreadable {
    /// The answer is to blame.
    Senseless(String),
    /// It could not be read here.
    Failed(Error),
}

/// The response so far, and whether the document has an action.
fn parse(body: &Bytes) -> std::result::Result<(Builder, bool), Unreadable> {
    let senseless = |error: serde_json::Error| Unreadable::Senseless(error.to_string());
    // Checked once for the whole body, and not string by string.
    let text = std::str::from_utf8(body).map_err(|error| Unreadable::Senseless(format!("it is not UTF-8: {error}")))?;
    match parse_text(text, false) {
        // serde_json stops at 128 levels, which any stack carries. A deeper tree is read on a stack that is made for it.
        Err(error) if error.to_string().starts_with("recursion limit exceeded") => {
            let body = body.clone();
            let deep = move || {
                faults::here(Place::DeepDecode, &body);
                parse_text(std::str::from_utf8(&body).unwrap_or_default(), true)
            };
            let parsed = thread::run_with_stack("etcd-parse", DEEP_STACK, deep);
            parsed.map_err(Unreadable::Failed)?.map_err(senseless)
        }
        parsed => parsed.map_err(senseless),
    }
}

fn parse_text(text: &str, is_deep: bool) -> serde_json::Result<(Builder, bool)> {
    let mut builder = Builder::with_text_capacity(text.len());
    let mut json = serde_json::Deserializer::from_str(text);
    if is_deep {
        json.disable_recursion_limit();
    }
    let has_action = TopSeed(&mut builder).deserialize(&mut json)?;
    json.end()?;
    Ok((builder, has_action))
}

/// 0 when absent or empty; the header's text when it is not a number.
pub fn index_of(answer: &Answer) -> std::result::Result<u64, String> {
    let Some(header) = answer.headers.get("x-etcd-index").map(http::HeaderValue::as_bytes) else { return Ok(0) };
    if header.is_empty() {
        return Ok(0);
    }
    let shown = || String::from_utf8_lossy(header).into_owned();
    // The digits alone, as Go takes them; Rust's parser would take a plus sign too.
    let digits = header.iter().all(u8::is_ascii_digit).then(|| std::str::from_utf8(header).ok()).flatten();
    digits.and_then(|digits| digits.parse().ok()).ok_or_else(shown)
}

fn without_nul(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().filter(|byte| *byte != 0).collect()
}

fn too_large<E: de::Error>(TooLarge: TooLarge) -> E {
    E::custom("more than 4 GiB")
}

/// The whole document; gives whether it has an action.
struct TopSeed<'a>(&'a mut Builder);

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
                    self.0.set_action(action);
                }
                Name::Node => {
                    if let Some(node) = map.next_value_seed(NodeSeed(self.0, 0))? {
                        self.0.set_node(node).map_err(too_large)?;
                    }
                }
                Name::PrevNode => {
                    if let Some(node) = map.next_value_seed(NodeSeed(self.0, 0))? {
                        self.0.set_prev_node(node).map_err(too_large)?;
                    }
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(has_action)
    }
}

/// A node, and how many directories it is in.
struct NodeSeed<'a>(&'a mut Builder, usize);

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
                Name::Ttl => node.ttl = map.next_value::<Option<i64>>()?.unwrap_or(0),
                Name::Expiration => node.expiration = map.next_value_seed(ExpirationSeed)?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Some(node))
    }
}

struct NodesSeed<'a>(&'a mut Builder, usize);

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
        let begin = self.0.begin_children();
        while let Some(node) = nodes.next_element_seed(NodeSeed(self.0, self.1 + 1))? {
            if let Some(node) = node {
                self.0.add_child(node);
            }
        }
        self.0.end_children(begin).map_err(too_large)
    }
}

/// Copies a string to the response as it is read; null is the empty text.
struct TextSeed<'a>(&'a mut Builder);

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
        if text.is_empty() { Ok(Span::default()) } else { self.0.add_text(text.as_bytes()).map_err(too_large) }
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
        let at = OffsetDateTime::parse(text, &Rfc3339)
            .map_err(|error| E::custom(format_args!("expiration '{text}': {error}")))?;
        let nanoseconds = i32::try_from(at.nanosecond()).unwrap_or(0);
        Ok(Some(Expiration { unix_seconds: at.unix_timestamp(), nanoseconds }))
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

#[cfg(test)]
#[path = "keys_answer_tests.rs"]
mod tests;
