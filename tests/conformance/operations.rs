//! Every keys call, so that a promise can be checked for each.

use etcd_test_harness::{Client, Context, Delete, Failure, Get, Response, Set};
use etcd_test_support::Reply;

pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) method: &'static str,
    pub(crate) effect: Effect,
    run: fn(&Client, Option<&Context>) -> Result<Response, Failure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Read,
    PlainSet,
    OneShot,
}

impl Operation {
    pub(crate) fn run(&self, client: &Client) -> Result<Response, Failure> {
        (self.run)(client, None)
    }

    pub(crate) fn run_with(&self, client: &Client, context: &Context) -> Result<Response, Failure> {
        (self.run)(client, Some(context))
    }

    /// Whether it may be sent again after it may have been acted on.
    pub(crate) fn may_resend(&self) -> bool {
        self.effect != Effect::OneShot
    }

    /// What its failure says when the server may have acted on it.
    pub(crate) fn outcome_when_unknown(&self) -> i32 {
        if self.effect == Effect::Read { 0 } else { 1 }
    }
}

/// The calls that take a context.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation { name: "get", method: "GET", effect: Effect::Read, run: |c, x| c.get_with(x, "/k", &Get::default()) },
    Operation {
        name: "quorum get",
        method: "GET",
        effect: Effect::Read,
        run: |c, x| c.get_with(x, "/k", &Get { quorum: true, ..Get::default() }),
    },
    Operation {
        name: "set",
        method: "PUT",
        effect: Effect::PlainSet,
        run: |c, x| c.set_with(x, "/k", "v", &Set::default()),
    },
    Operation {
        name: "set with TTL",
        method: "PUT",
        effect: Effect::PlainSet,
        run: |c, x| c.set_with(x, "/k", "v", &Set { ttl_ms: Some(5000), ..Set::default() }),
    },
    Operation { name: "create", method: "PUT", effect: Effect::OneShot, run: |c, x| c.create_with(x, "/k", "v") },
    Operation {
        name: "update",
        method: "PUT",
        effect: Effect::OneShot,
        run: |c, x| c.set_with(x, "/k", "v", &Set { prev_exist: 1, ..Set::default() }),
    },
    Operation {
        name: "compare-and-swap by value",
        method: "PUT",
        effect: Effect::OneShot,
        run: |c, x| c.set_with(x, "/k", "v", &Set { prev_value: Some("u"), ..Set::default() }),
    },
    Operation {
        name: "compare-and-swap by index",
        method: "PUT",
        effect: Effect::OneShot,
        run: |c, x| c.set_with(x, "/k", "v", &Set { prev_index: 7, ..Set::default() }),
    },
    Operation {
        name: "make a directory",
        method: "PUT",
        effect: Effect::OneShot,
        run: |c, x| c.set_with(x, "/k", "", &Set { dir: true, ..Set::default() }),
    },
    Operation {
        name: "refresh",
        method: "PUT",
        effect: Effect::OneShot,
        run: |c, x| c.set_with(x, "/k", "", &Set { refresh: true, ttl_ms: Some(5000), ..Set::default() }),
    },
    Operation {
        name: "delete",
        method: "DELETE",
        effect: Effect::OneShot,
        run: |c, x| c.delete_with(x, "/k", &Delete::default()),
    },
    Operation {
        name: "compare-and-delete",
        method: "DELETE",
        effect: Effect::OneShot,
        run: |c, x| c.delete_with(x, "/k", &Delete { prev_index: 7, ..Delete::default() }),
    },
    Operation {
        name: "create in order",
        method: "POST",
        effect: Effect::OneShot,
        run: |c, _| c.create_in_order("/k", "v", None),
    },
];

/// An answer that is right for every operation.
pub(crate) fn success() -> Reply {
    Reply::etcd(200, 7, r#"{"action":"get","node":{"key":"/k","value":"v","modifiedIndex":7,"createdIndex":7}}"#)
}

/// etcd's answer when the cluster did not decide in time.
pub(crate) fn timed_out() -> Reply {
    Reply::etcd(
        500,
        9,
        r#"{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":9}"#,
    )
}
