//! A response as one JSON text, for languages in which a call per field is dear.

use std::fmt::Write as _;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::response::{Expiration, Node, Response};

/// etcd's own names, with `index` and `clusterID` from the headers added.
pub fn json(response: &Response) -> String {
    let mut json = String::with_capacity(256 + response.nodes().len() * 128);
    json.push_str("{\"action\":");
    push_text(&mut json, response.action_name());
    for (name, position) in [("node", response.node()), ("prevNode", response.prev_node())] {
        if let Some(node) = position.and_then(|position| response.nodes().get(position)) {
            let _ = write!(json, ",\"{name}\":");
            push_node(&mut json, response, node);
        }
    }
    let _ = write!(json, ",\"index\":{},\"clusterID\":", response.index());
    push_text(&mut json, response.cluster_id());
    json.push('}');
    json
}

/// What is still to be written: a node, or the end of one whose children have been written.
enum Step<'a> {
    Begin { node: &'a Node, is_first: bool },
    End(&'a Node),
}

/// What the server left out is left out. Not recursive: a tree may be deeper than the caller's stack.
fn push_node(json: &mut String, response: &Response, node: &Node) {
    let mut steps = vec![Step::Begin { node, is_first: true }];
    while let Some(step) = steps.pop() {
        let (node, children) = match step {
            Step::Begin { node, is_first } => {
                json.push_str(if is_first { "" } else { "," });
                push_fields(json, response, node);
                (node, response.nodes().get(response.children(node)).unwrap_or_default())
            }
            Step::End(node) => {
                json.push(']');
                (node, Default::default())
            }
        };
        if children.is_empty() {
            push_number(json, "modifiedIndex", node.modified_index);
            push_number(json, "createdIndex", node.created_index);
            json.push('}');
            continue;
        }
        push_name(json, "nodes");
        json.push('[');
        steps.push(Step::End(node));
        let begin = |(position, node)| Step::Begin { node, is_first: position == 0 };
        steps.extend(children.iter().enumerate().rev().map(begin));
    }
}

/// The opening brace and what comes before the children.
fn push_fields(json: &mut String, response: &Response, node: &Node) {
    json.push('{');
    let key = response.text(node.key);
    if !key.is_empty() {
        push_name(json, "key");
        push_text(json, key);
    }
    if node.is_dir {
        push_name(json, "dir");
        json.push_str("true");
    }
    if node.has_value {
        push_name(json, "value");
        push_text(json, response.text(node.value));
    }
    if let Some(expiration) = node.expiration.and_then(rfc3339) {
        push_name(json, "expiration");
        push_text(json, expiration.as_bytes());
    }
    push_number(json, "ttl", node.ttl);
}

/// Zero stands for absent.
fn push_number<N: Default + PartialEq + std::fmt::Display>(json: &mut String, name: &str, number: N) {
    if number != N::default() {
        push_name(json, name);
        let _ = write!(json, "{number}");
    }
}

fn push_name(json: &mut String, name: &str) {
    let separator = if json.ends_with('{') { "" } else { "," };
    let _ = write!(json, "{separator}\"{name}\":");
}

fn push_text(json: &mut String, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    json.push_str(&serde_json::to_string(&text).unwrap_or_else(|_| "\"\"".into()));
}

fn rfc3339(expiration: Expiration) -> Option<String> {
    let at = OffsetDateTime::from_unix_timestamp(expiration.unix_seconds).ok()?;
    at.replace_nanosecond(u32::try_from(expiration.nanoseconds).ok()?).ok()?.format(&Rfc3339).ok()
}
