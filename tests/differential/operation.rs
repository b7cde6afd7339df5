//! A call that both clients can make.

use etcd_test_harness::capi::options::{ETCD_PREV_EXIST, ETCD_PREV_IGNORE, ETCD_PREV_NO_EXIST};
use etcd_test_harness::{Client, Delete, Get, Set, Watch};
use serde::Serialize;

use crate::admin::Admin;
use crate::answer::{Answer, Response};

/// The JSON of it is what the Go driver reads.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "operation")]
pub(crate) enum Operation {
    #[serde(rename = "keys.get")]
    Get { key: String, recursive: bool, sort: bool, quorum: bool },
    #[serde(rename = "keys.set")]
    Set {
        key: String,
        value: String,
        #[serde(flatten)]
        options: SetOptions,
    },
    #[serde(rename = "keys.create")]
    Create { key: String, value: String },
    #[serde(rename = "keys.update")]
    Update { key: String, value: String },
    #[serde(rename = "keys.create_in_order")]
    CreateInOrder { key: String, value: String, ttl_ms: Option<i64> },
    #[serde(rename = "keys.delete")]
    Delete { key: String, prev_value: Option<String>, prev_index: u64, recursive: bool, dir: bool },
    /// All events up to the one of the index `until`.
    #[serde(rename = "watch")]
    Watch {
        key: String,
        recursive: bool,
        after_index: u64,
        until: u64,
        /// Ours alone: Go asks for each event.
        #[serde(skip)]
        stream: bool,
    },
    #[serde(rename = "version")]
    Version,
    #[serde(untagged)]
    Admin(Admin),
}

#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct SetOptions {
    pub(crate) prev_value: Option<String>,
    pub(crate) prev_index: u64,
    pub(crate) prev_exist: PrevExist,
    pub(crate) ttl_ms: Option<i64>,
    pub(crate) refresh: bool,
    pub(crate) dir: bool,
    pub(crate) no_value_on_success: bool,
}

/// As the Go client calls them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) enum PrevExist {
    #[default]
    #[serde(rename = "")]
    Ignore,
    #[serde(rename = "true")]
    Exist,
    #[serde(rename = "false")]
    NoExist,
}

impl Operation {
    /// The key of a keys operation.
    pub(crate) fn key(&self) -> &str {
        match self {
            Operation::Get { key, .. }
            | Operation::Set { key, .. }
            | Operation::Create { key, .. }
            | Operation::Update { key, .. }
            | Operation::CreateInOrder { key, .. }
            | Operation::Delete { key, .. }
            | Operation::Watch { key, .. } => key,
            Operation::Version | Operation::Admin(_) => "",
        }
    }

    pub(crate) fn admin(&self) -> Option<&Admin> {
        match self {
            Operation::Admin(admin) => Some(admin),
            _ => None,
        }
    }

    pub(crate) fn ttl_ms(&self) -> Option<i64> {
        match self {
            Operation::Set { options, .. } => options.ttl_ms,
            Operation::CreateInOrder { ttl_ms, .. } => *ttl_ms,
            _ => None,
        }
    }

    /// Makes the call over the C ABI.
    pub(crate) fn run(&self, client: &Client) -> Answer {
        match self {
            Operation::Get { key, recursive, sort, quorum } => {
                let options = Get { recursive: *recursive, sort: *sort, quorum: *quorum };
                client.get_with(None, key, &options).into()
            }
            Operation::Set { key, value, options } => client.set_with(None, key, value, &options.ours()).into(),
            Operation::Create { key, value } => client.create(key, value).into(),
            Operation::Update { key, value } => client.update(key, value).into(),
            Operation::CreateInOrder { key, value, ttl_ms } => client.create_in_order(key, value, *ttl_ms).into(),
            Operation::Delete { key, prev_value, prev_index, recursive, dir } => {
                let prev_value = prev_value.as_deref();
                let options = Delete { prev_value, prev_index: *prev_index, recursive: *recursive, dir: *dir };
                client.delete_with(None, key, &options).into()
            }
            Operation::Watch { key, recursive, after_index, until, stream } => {
                let (recursive, after_index) = (*recursive, *after_index);
                let options = Watch { after_index, recursive, stream: *stream, ..Watch::default() };
                watch(client, key, &options, *until)
            }
            Operation::Admin(admin) => admin.run(client),
            Operation::Version => client.version().map(|(server, cluster)| vec![server, cluster]).into(),
        }
    }
}

fn watch(client: &Client, key: &str, options: &Watch, until: u64) -> Answer {
    let watcher = client.watch(key, options).expect("a watcher");
    let mut events = Vec::new();
    loop {
        match watcher.next_within(20_000) {
            Ok(event) => events.push(Response::from(event)),
            Err(failure) => return Answer::Failure(failure.into()),
        }
        let index = |event: &Response| event.node.as_ref().map_or(0, |node| node.modified_index);
        if events.last().is_some_and(|event| index(event) >= until) {
            return Answer::Events(events);
        }
    }
}

impl SetOptions {
    fn ours(&self) -> Set<'_> {
        Set {
            prev_value: self.prev_value.as_deref(),
            prev_index: self.prev_index,
            prev_exist: match self.prev_exist {
                PrevExist::Ignore => ETCD_PREV_IGNORE,
                PrevExist::Exist => ETCD_PREV_EXIST,
                PrevExist::NoExist => ETCD_PREV_NO_EXIST,
            },
            ttl_ms: self.ttl_ms,
            refresh: self.refresh,
            dir: self.dir,
            no_value_on_success: self.no_value_on_success,
            resend: None,
        }
    }
}
