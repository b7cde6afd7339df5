//! What a call came to, as both clients tell it.

use etcd_test_harness as ours;
use etcd_test_harness::capi::status::*;
use serde::Deserialize;

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "only two of them live at a time")]
pub(crate) enum Answer {
    Response(Response),
    /// What a watcher saw.
    Events(Vec<Response>),
    Texts(Vec<String>),
    Failure(Failure),
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Response {
    pub(crate) action: String,
    pub(crate) index: u64,
    pub(crate) cluster_id: String,
    pub(crate) node: Option<Node>,
    pub(crate) prev_node: Option<Node>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Node {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) is_dir: bool,
    pub(crate) created_index: u64,
    pub(crate) modified_index: u64,
    pub(crate) ttl: i64,
    /// Seconds since 1970.
    pub(crate) expiration: Option<i64>,
    pub(crate) nodes: Vec<Node>,
}

/// An error by its class, and all that etcd said.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Failure {
    pub(crate) class: Class,
    pub(crate) code: i32,
    pub(crate) message: String,
    pub(crate) cause: String,
    pub(crate) index: u64,
    /// For people: the two clients have words of their own.
    #[expect(dead_code, reason = "a failed comparison shows it")]
    pub(crate) text: String,
}

/// What a program can do about an error depends on this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Class {
    /// etcd's store refused.
    Api,
    /// No endpoint gave an answer.
    Cluster,
    /// The one endpoint that was asked gave no answer.
    Endpoint,
    Canceled,
    Deadline,
    EmptyBody,
    InvalidResponse,
    /// The auth API refused.
    Auth,
    /// The members API refused.
    Members,
    /// Go's: a refusal of which it drops the words.
    UnexpectedStatus,
    /// Ours: the server does not serve the v2 API.
    NotServed,
    /// The client refuses the arguments: nothing was sent.
    Refused,
    /// Go's: the client panicked.
    Panic,
}

impl PartialEq for Failure {
    fn eq(&self, other: &Failure) -> bool {
        let told = |failure: &Failure| (failure.class, failure.code, failure.index);
        told(self) == told(other) && self.message == other.message && self.cause == other.cause
    }
}

impl Answer {
    pub(crate) fn class(&self) -> Option<Class> {
        match self {
            Answer::Failure(failure) => Some(failure.class),
            _ => None,
        }
    }

    pub(crate) fn response(&self) -> Option<&Response> {
        match self {
            Answer::Response(response) => Some(response),
            _ => None,
        }
    }

    fn responses(&self) -> &[Response] {
        match self {
            Answer::Response(response) => std::slice::from_ref(response),
            Answer::Events(events) => events,
            _ => &[],
        }
    }

    fn responses_mut(&mut self) -> &mut [Response] {
        match self {
            Answer::Response(response) => std::slice::from_mut(response),
            Answer::Events(events) => events,
            _ => &mut [],
        }
    }

    /// Takes the cluster's id out: two servers are two clusters.
    pub(crate) fn forget_cluster(&mut self) {
        for response in self.responses_mut() {
            response.cluster_id.clear();
        }
    }

    /// Puts other words for what only one of the two servers has, in all that names members.
    pub(crate) fn replace(&mut self, of_one: &[(String, &str)]) {
        let replace = |text: &mut String| {
            for (own, common) in of_one {
                *text = text.replace(own, common);
            }
        };
        match self {
            Answer::Texts(texts) => texts.iter_mut().for_each(replace),
            Answer::Failure(failure) => replace(&mut failure.message),
            Answer::Response(_) | Answer::Events(_) => (),
        }
    }

    /// Puts children into the order of their keys: without `sorted` a server gives them as its hash table has them.
    pub(crate) fn sort(&mut self) {
        for response in self.responses_mut() {
            response.node.iter_mut().for_each(Node::sort);
        }
    }

    /// Takes over the times to live of the other answer where they differ by no more than the two calls may have been
    /// apart: servers that were asked one after the other cannot agree on them.
    pub(crate) fn settle_times(&mut self, other: &Answer) {
        for (mine, other) in self.responses_mut().iter_mut().zip(other.responses()) {
            settle(&mut mine.node, &other.node);
            settle(&mut mine.prev_node, &other.prev_node);
        }
    }
}

impl Node {
    fn sort(&mut self) {
        self.nodes.sort_by(|left, right| left.key.cmp(&right.key));
        self.nodes.iter_mut().for_each(Node::sort);
    }
}

/// Far more than two calls are apart on a slow machine, and less than the times to live differ from each other.
const TOLERANCE: i64 = 60;

fn settle<'a>(mine: impl IntoIterator<Item = &'a mut Node>, others: impl IntoIterator<Item = &'a Node>) {
    for (mine, other) in mine.into_iter().zip(others) {
        settle(&mut mine.nodes, &other.nodes);
        let (Some(at), Some(other_at)) = (mine.expiration, other.expiration) else { continue };
        if at.abs_diff(other_at) <= TOLERANCE.unsigned_abs() && mine.ttl.abs_diff(other.ttl) <= TOLERANCE.unsigned_abs()
        {
            (mine.expiration, mine.ttl) = (other.expiration, other.ttl);
        }
    }
}

impl From<Result<ours::Response, ours::Failure>> for Answer {
    fn from(result: Result<ours::Response, ours::Failure>) -> Answer {
        match result {
            Ok(response) => Answer::Response(response.into()),
            Err(failure) => Answer::Failure(failure.into()),
        }
    }
}

impl From<Result<Vec<String>, ours::Failure>> for Answer {
    fn from(result: Result<Vec<String>, ours::Failure>) -> Answer {
        result.map_or_else(|failure| Answer::Failure(failure.into()), Answer::Texts)
    }
}

impl From<ours::Response> for Response {
    fn from(response: ours::Response) -> Response {
        Response {
            action: response.action,
            index: response.index,
            cluster_id: response.cluster_id,
            node: response.node.map(Node::from),
            prev_node: response.prev_node.map(Node::from),
        }
    }
}

impl From<ours::Node> for Node {
    fn from(node: ours::Node) -> Node {
        Node {
            key: node.key,
            value: node.value,
            is_dir: node.is_dir,
            created_index: node.created_index,
            modified_index: node.modified_index,
            ttl: node.ttl,
            expiration: node.expiration.map(|(seconds, _)| seconds),
            nodes: node.children.into_iter().map(Node::from).collect(),
        }
    }
}

impl From<ours::Failure> for Failure {
    fn from(failure: ours::Failure) -> Failure {
        let class = class_of(failure.status, &failure.message);
        // Where Go drops the words of a server, there is nothing to compare ours with.
        let said = |text: Option<String>, by: &[Class]| text.filter(|_| by.contains(&class)).unwrap_or_default();
        let message = said(failure.api_message, &[Class::Api, Class::Auth, Class::Members]);
        let cause = said(failure.api_cause, &[Class::Api]);
        let (code, index) = if class == Class::Api { (failure.api_code, failure.api_index) } else { (0, 0) };
        Failure { class, code, message, cause, index, text: failure.message }
    }
}

fn class_of(status: i32, message: &str) -> Class {
    match status {
        ETCD_ERR_INVALID_ARGUMENT => Class::Refused,
        ETCD_ERR_CANCELED => Class::Canceled,
        ETCD_ERR_DEADLINE_EXCEEDED => Class::Deadline,
        ETCD_ERR_CLUSTER => Class::Cluster,
        ETCD_ERR_CONNECT..=ETCD_ERR_BAD_REDIRECT => Class::Endpoint,
        ETCD_ERR_API_NOT_SERVED => Class::NotServed,
        ETCD_ERR_API => Class::Api,
        ETCD_ERR_AUTH => Class::Auth,
        ETCD_ERR_MEMBERS => Class::Members,
        ETCD_ERR_INVALID_RESPONSE => Class::InvalidResponse,
        ETCD_ERR_EMPTY_BODY => Class::EmptyBody,
        _ => panic!("no call here may end with the status {status}: {message}"),
    }
}
