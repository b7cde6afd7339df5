//! Where ours makes something else of an odd answer than Go: all of it, each with its reason.

use crate::answer::Class;
use crate::wire::Wire;

pub(crate) struct Difference {
    cases: &'static [&'static str],
    operations: &'static [&'static str],
    /// The class of Go's failure; None for a success.
    pub(crate) go: Option<Class>,
    pub(crate) ours: Option<Class>,
    /// Whether our requests differ from Go's, as ours must be, in just the expected way.
    pub(crate) requests: fn(&[Wire], &[Wire]) -> bool,
    /// Why ours is better.
    pub(crate) reason: &'static str,
}

impl Difference {
    pub(crate) fn is_about(&self, case: &str, operation: &str) -> bool {
        self.cases.contains(&case) && self.operations.contains(&operation)
    }
}

const ALL: &[&str] =
    &["get", "set", "create", "update", "compare-and-swap", "refresh", "directory", "in-order create", "delete"];

/// What Go sends to the next endpoint when the outcome of the first sending is unknown, and ours does not.
const SENT_ONCE_BY_OURS: &[&str] = &["update", "compare-and-swap", "refresh", "directory", "in-order create"];

/// What Go never sends to another endpoint.
const SENT_ONCE_BY_GO: &[&str] = &["create", "delete"];

const SENT_AGAIN_BY_GO: &[&str] =
    &["get", "set", "update", "compare-and-swap", "refresh", "directory", "in-order create"];

const FAILURES: &[&str] = &[
    "307 to a failure",
    "500, empty",
    "502, html",
    "503, empty",
    "503, no leader",
    "599",
    "the connection closed",
    "the connection reset",
    "half a head",
    "half a body",
    "half a body, reset",
    "half of the chunks",
];

/// The endpoint's redirect leads nowhere, so nothing was written.
const DEAD_ENDS: &[&str] = &[
    "307 without a Location",
    "304 without a Location",
    "307 to nonsense",
    "307 to an empty Location",
    "307 to another scheme",
    "307 in a circle",
];

fn same(ours: &[Wire], go: &[Wire]) -> bool {
    ours == go
}

fn followed(ours: &[Wire], go: &[Wire]) -> bool {
    ours.len() == 2 && ours[..1] == *go && ours[1].path == "/elsewhere" && ours[1].body == go[0].body
}

fn version_asked(ours: &[Wire], go: &[Wire]) -> bool {
    ours.len() == 2 && ours[..1] == *go && (ours[1].method.as_str(), ours[1].path.as_str()) == ("GET", "/version")
}

/// Go loses it with the query, so that the write is unconditional.
fn prev_value_kept(ours: &[Wire], go: &[Wire]) -> bool {
    let has = |wire: &Wire| wire.form().contains(&"prevValue=old".to_owned());
    ours.iter().all(has) && go.iter().map(has).collect::<Vec<_>>() == [true, false]
}

pub(crate) const TO_ODD_ANSWERS: &[Difference] = &[
    Difference {
        cases: FAILURES,
        operations: SENT_ONCE_BY_OURS,
        go: Some(Class::Cluster),
        ours: Some(Class::Endpoint),
        requests: same,
        reason: "a write that may have happened is not sent to another endpoint: the one failure is the call's",
    },
    Difference {
        cases: &["500, as etcd"],
        operations: &["set", "update", "compare-and-swap", "refresh", "directory", "in-order create"],
        go: Some(Class::Cluster),
        ours: Some(Class::Endpoint),
        requests: same,
        reason: "a write that etcd answers with 300 may be committed later, so even a plain set is not sent again",
    },
    Difference {
        cases: DEAD_ENDS,
        operations: SENT_ONCE_BY_GO,
        go: Some(Class::Endpoint),
        ours: Some(Class::Cluster),
        requests: same,
        reason: "nothing was written, so the other endpoints are asked",
    },
    Difference {
        cases: &["307 to a path"],
        operations: SENT_AGAIN_BY_GO,
        go: Some(Class::Cluster),
        ours: None,
        requests: followed,
        reason: "a relative Location is resolved, as RFC 3986 says",
    },
    Difference {
        cases: &["307 to a path"],
        operations: SENT_ONCE_BY_GO,
        go: Some(Class::Endpoint),
        ours: None,
        requests: followed,
        reason: "a relative Location is resolved, as RFC 3986 says",
    },
    Difference {
        cases: &["307 without the query"],
        operations: &["compare-and-swap"],
        go: None,
        ours: None,
        requests: prev_value_kept,
        reason: "prevValue is in the body, so that no redirect drops the condition",
    },
    Difference {
        cases: &["404, no v2"],
        operations: ALL,
        go: Some(Class::InvalidResponse),
        ours: Some(Class::NotServed),
        requests: version_asked,
        reason: "a frequent mistake is named, with the server's version",
    },
    Difference {
        cases: &["no HTTP"],
        operations: SENT_ONCE_BY_OURS,
        go: Some(Class::Cluster),
        ours: Some(Class::InvalidResponse),
        requests: same,
        reason: "an answer that is not HTTP is no broken connection; and it may have been written",
    },
    Difference {
        cases: &["no HTTP"],
        operations: SENT_ONCE_BY_GO,
        go: Some(Class::Endpoint),
        ours: Some(Class::InvalidResponse),
        requests: same,
        reason: "an answer that is not HTTP is no broken connection",
    },
    Difference {
        cases: &["200, null", "200, {}", "200, names in capitals"],
        operations: ALL,
        go: None,
        ours: Some(Class::InvalidResponse),
        requests: same,
        reason: "a success without an action is not etcd's",
    },
    Difference {
        cases: &["202", "206", "400, {}", "400, null", "400, a message alone", "401, another's"],
        operations: ALL,
        go: Some(Class::Api),
        ours: Some(Class::InvalidResponse),
        requests: same,
        reason: "a refusal without an etcd code is not etcd's; Go gives an etcd error with the code 0",
    },
    Difference {
        cases: &["400, a negative index", "400, a number for a message"],
        operations: ALL,
        go: Some(Class::InvalidResponse),
        ours: Some(Class::Api),
        requests: same,
        reason: "the code says what happened, whatever is wrong beside it",
    },
    Difference {
        cases: &["200, expiration with a comma"],
        operations: ALL,
        go: None,
        ours: Some(Class::InvalidResponse),
        requests: same,
        reason: "no time of RFC 3339; etcd never sends it",
    },
    Difference {
        cases: &["200, expiration in small letters"],
        operations: ALL,
        go: Some(Class::InvalidResponse),
        ours: None,
        requests: same,
        reason: "a time of RFC 3339; etcd never sends it",
    },
    Difference {
        cases: &["200, half a surrogate pair", "200, not UTF-8"],
        operations: ALL,
        go: None,
        ours: Some(Class::InvalidResponse),
        requests: same,
        reason: "no JSON text; Go puts U+FFFD there, etcd never sends it",
    },
];
