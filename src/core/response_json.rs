//! A response as one JSON text, for languages in which a call per field is dear.

use std::io::{self, Write};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::memory;
use super::response::{Expiration, Node, Response};

/// etcd's own names, with `index` and `clusterID` from the headers added; None where there is no memory for it. Ends with
/// room for a NUL, and has none inside.
pub fn json(response: &Response) -> Option<Vec<u8>> {
    let mut json = Json(Vec::new());
    push_response(&mut json, response).ok()?;
    memory::grow(&mut json.0, 1, JSON).ok()?;
    Some(json.0)
}

const JSON: &str = "a response as JSON";

/// Grows as it is written, and fails where it cannot.
struct Json(Vec<u8>);

impl Json {
    fn push_str(&mut self, text: &str) -> io::Result<()> {
        self.write_all(text.as_bytes())
    }
}

impl Write for Json {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        memory::grow(&mut self.0, bytes.len(), JSON).map_err(|_| io::ErrorKind::OutOfMemory)?;
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn push_response(json: &mut Json, response: &Response) -> io::Result<()> {
    json.push_str("{\"action\":")?;
    push_text(json, response.action_name())?;
    for (name, node) in [("node", response.node()), ("prevNode", response.prev_node())] {
        if let Some(node) = node {
            write!(json, ",\"{name}\":")?;
            push_node(json, response, node)?;
        }
    }
    write!(json, ",\"index\":{},\"clusterID\":", response.index())?;
    push_text(json, response.cluster_id())?;
    json.push_str("}")
}

/// What is still to be written: a node, or the end of one whose children have been written.
enum Step<'a> {
    Begin { node: &'a Node, is_first: bool },
    End(&'a Node),
}

/// What the server left out is left out. Not recursive: a tree may be deeper than the caller's stack.
fn push_node(json: &mut Json, response: &Response, node: &Node) -> io::Result<()> {
    let mut steps = vec![Step::Begin { node, is_first: true }];
    while let Some(step) = steps.pop() {
        let (node, children) = match step {
            Step::Begin { node, is_first } => {
                json.push_str(if is_first { "" } else { "," })?;
                push_fields(json, response, node)?;
                (node, response.nodes().get(response.children(node)).unwrap_or_default())
            }
            Step::End(node) => {
                json.push_str("]")?;
                (node, Default::default())
            }
        };
        if children.is_empty() {
            push_number(json, "modifiedIndex", node.modified_index)?;
            push_number(json, "createdIndex", node.created_index)?;
            json.push_str("}")?;
            continue;
        }
        push_name(json, "nodes")?;
        json.push_str("[")?;
        memory::grow(&mut steps, children.len() + 1, JSON).map_err(|_| io::ErrorKind::OutOfMemory)?;
        steps.push(Step::End(node));
        let begin = |(position, node)| Step::Begin { node, is_first: position == 0 };
        steps.extend(children.iter().enumerate().rev().map(begin));
    }
    Ok(())
}

/// The opening brace and what comes before the children.
fn push_fields(json: &mut Json, response: &Response, node: &Node) -> io::Result<()> {
    json.push_str("{")?;
    let key = response.text(node.key);
    if !key.is_empty() {
        push_name(json, "key")?;
        push_text(json, key)?;
    }
    if node.is_dir {
        push_name(json, "dir")?;
        json.push_str("true")?;
    }
    if node.has_value {
        push_name(json, "value")?;
        push_text(json, response.text(node.value))?;
    }
    if let Some(expiration) = response.expiration(node).and_then(rfc3339) {
        push_name(json, "expiration")?;
        push_text(json, expiration.as_bytes())?;
    }
    push_number(json, "ttl", response.ttl(node))
}

/// Zero stands for absent.
fn push_number<N: Default + PartialEq + std::fmt::Display>(json: &mut Json, name: &str, number: N) -> io::Result<()> {
    if number == N::default() {
        return Ok(());
    }
    push_name(json, name)?;
    write!(json, "{number}")
}

fn push_name(json: &mut Json, name: &str) -> io::Result<()> {
    let separator = if json.0.ends_with(b"{") { "" } else { "," };
    write!(json, "{separator}\"{name}\":")
}

fn push_text(json: &mut Json, text: &[u8]) -> io::Result<()> {
    // It was UTF-8 when it was read, all but the cluster's id, which is a header.
    let text = String::from_utf8_lossy(text);
    serde_json::to_writer(json, &text).map_err(io::Error::from)
}

fn rfc3339(expiration: Expiration) -> Option<String> {
    let at = OffsetDateTime::from_unix_timestamp(expiration.unix_seconds).ok()?;
    at.replace_nanosecond(u32::try_from(expiration.nanoseconds).ok()?).ok()?.format(&Rfc3339).ok()
}
