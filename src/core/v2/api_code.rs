//! The server's own error codes, and what a user can do about each.

pub const RAFT_INTERNAL: i32 = 300;
pub const LEADER_ELECT: i32 = 301;

/// What to do next; empty where the server's own words say it all.
pub fn advice(code: i32) -> &'static str {
    match code {
        101 => "the key is not what it was compared with; read it again",
        102 => "the key is a directory",
        104 => "a part of the path is a file",
        105 => "the key exists already",
        107 => "the root cannot be written or deleted",
        108 => "delete it recursively, or its children first",
        110 => "check user name, password and the role's permissions",
        210 => "the value is probably larger than etcd's limit of 10 MiB, encoded",
        211 => "a refresh must have an empty value",
        212 => "a refresh needs a TTL",
        300 => "the cluster could not decide in time; the write may still happen",
        301 => "the cluster is electing a leader; try again in a second",
        401 => "read the current state and watch from its index on, or set the watcher's resync option",
        _ => "",
    }
}
