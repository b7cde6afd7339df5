//! Keys operations as HTTP requests, byte for byte as the Go client sends them, but for `prevValue`.

use std::borrow::Cow;

use bytes::Bytes;
use http::Method;

use crate::core::encoding;
use crate::core::error::{Error, Result};
use crate::core::exchange::{Effect, Request};
use crate::core::keys::{
    CreateInOrderOptions, DeleteOptions, GetOptions, KeysSettings, Operation, PrevExist, SetOptions, Ttl, path,
};

const FORM: &str = "application/x-www-form-urlencoded";

/// `longest_target` is what a plain etcd takes as request target; longer ones are reset unread.
pub fn keys_request(
    settings: &KeysSettings,
    operation: &Operation<'_>,
    longest_target: Option<usize>,
) -> Result<Request> {
    let (prefix, effect) = (settings.prefix.as_str(), operation.effect(settings));
    match *operation {
        Operation::Get { key, options } => get(settings, key, options, effect),
        Operation::Set { key, value, options } => set(prefix, key, value, options, effect),
        Operation::CreateInOrder { dir, value, options } => create_in_order(prefix, dir, value, options, effect),
        Operation::Delete { key, options } => delete(prefix, key, options, effect, longest_target),
    }
}

fn get(settings: &KeysSettings, key: &str, options: &GetOptions, effect: Effect) -> Result<Request> {
    let quorum = options.quorum.unwrap_or(settings.quorum_reads);
    // Go always sends all three.
    let query = match (quorum, options.recursive, options.sort) {
        (false, false, false) => "quorum=false&recursive=false&sorted=false",
        (false, false, true) => "quorum=false&recursive=false&sorted=true",
        (false, true, false) => "quorum=false&recursive=true&sorted=false",
        (false, true, true) => "quorum=false&recursive=true&sorted=true",
        (true, false, false) => "quorum=true&recursive=false&sorted=false",
        (true, false, true) => "quorum=true&recursive=false&sorted=true",
        (true, true, false) => "quorum=true&recursive=true&sorted=false",
        (true, true, true) => "quorum=true&recursive=true&sorted=true",
    };
    let path = path::encoded("key", &settings.prefix, key)?;
    Ok(Request { method: Method::GET, path, query: query.into(), content_type: None, body: Bytes::new(), effect })
}

fn set(prefix: &str, key: &str, value: &str, options: &SetOptions, effect: Effect) -> Result<Request> {
    let prev_exist = match options.prev_exist {
        PrevExist::Ignore => None,
        PrevExist::Exist => Some("true"),
        PrevExist::NoExist => Some("false"),
    };
    let query = query(&[
        ("dir", flag(options.dir)),
        ("noValueOnSuccess", flag(options.no_value_on_success)),
        ("prevExist", prev_exist),
        ("prevIndex", index(options.prev_index).as_deref()),
    ])?;
    let of_file = |text| if options.dir { None } else { text };
    let body = encoding::form(&[
        // Go puts prevValue into the URL, where etcd resets the connection beyond 4 KB.
        ("prevValue", of_file(options.prev_value.as_deref())),
        ("refresh", flag(options.refresh)),
        ("ttl", ttl(options.ttl).as_deref()),
        ("value", of_file(Some(value))),
    ])?;
    let path = path::encoded("key", prefix, key)?;
    Ok(Request { method: Method::PUT, path, query, content_type: Some(FORM), body: body.into(), effect })
}

fn create_in_order(
    prefix: &str,
    dir: &str,
    value: &str,
    options: &CreateInOrderOptions,
    effect: Effect,
) -> Result<Request> {
    let body = encoding::form(&[("ttl", ttl(options.ttl).as_deref()), ("value", Some(value))])?;
    let path = path::encoded("dir", prefix, dir)?;
    Ok(Request { method: Method::POST, path, query: "".into(), content_type: Some(FORM), body: body.into(), effect })
}

fn flag(is_set: bool) -> Option<&'static str> {
    is_set.then_some("true")
}

/// 0 means no comparison.
fn index(index: u64) -> Option<String> {
    (index != 0).then(|| index.to_string())
}

fn ttl(ttl: Option<Ttl>) -> Option<String> {
    ttl.map(|ttl| ttl.seconds().to_string())
}

fn query(pairs: &[(&'static str, Option<&str>)]) -> Result<Cow<'static, str>> {
    match pairs.iter().all(|(_, value)| value.is_none()) {
        true => Ok("".into()),
        false => Ok(encoding::ascii(encoding::form(pairs)?).into()),
    }
}

fn delete(
    prefix: &str,
    key: &str,
    options: &DeleteOptions,
    effect: Effect,
    longest_target: Option<usize>,
) -> Result<Request> {
    let path = path::encoded("key", prefix, key)?;
    if let Some(value) = options.prev_value.as_deref() {
        // Before it is encoded, and whoever takes it: no target is longer.
        refuse_beyond(Some(path::LONGEST), path.len() + encoding::query_length(value))?;
    }
    let query = query(&[
        ("dir", flag(options.dir)),
        ("prevIndex", index(options.prev_index).as_deref()),
        ("prevValue", options.prev_value.as_deref()),
        ("recursive", flag(options.recursive)),
    ])?;
    if options.prev_value.is_some() {
        refuse_beyond(longest_target, path.len() + query.len() + 1)?;
    }
    Ok(Request { method: Method::DELETE, path, query, content_type: Some(FORM), body: Bytes::new(), effect })
}

/// etcd ignores the body of a DELETE: a prevValue sent there would make the deletion unconditional.
fn refuse_beyond(longest_target: Option<usize>, length: usize) -> Result<()> {
    match longest_target {
        Some(longest) if length > longest => Err(Error::invalid_argument(
            "prev_value",
            format_args!(
                "too long for a delete: with the key it makes a request line of {length} bytes and etcd takes {longest}{}; \
                 compare with prev_index instead",
                if longest < path::LONGEST { " over plain HTTP" } else { "" }
            ),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(operation: Operation<'_>) -> (String, String) {
        let request = keys_request(&KeysSettings::default(), &operation, Some(4078)).expect("a request");
        let question_mark = if request.query.is_empty() { "" } else { "?" };
        let line = format!("{} {}{question_mark}{}", request.method, request.path, request.query);
        (line, String::from_utf8(request.body.to_vec()).expect("UTF-8"))
    }

    fn set_wire(options: SetOptions) -> (String, String) {
        wire(Operation::Set { key: "/foo", value: "bar", options: &options })
    }

    #[test]
    fn a_get_always_sends_its_three_flags() {
        for flags in 0..8 {
            let [quorum, recursive, sort] = [1, 2, 4].map(|flag| flags & flag != 0);
            let options = GetOptions { recursive, sort, quorum: Some(quorum) };
            let line = wire(Operation::Get { key: "/foo", options: &options }).0;
            assert_eq!(line, format!("GET /v2/keys/foo?quorum={quorum}&recursive={recursive}&sorted={sort}"));
        }
    }

    #[test]
    fn a_set_sends_what_go_sends() {
        let defaults = SetOptions::default;
        let cases = [
            (defaults(), "PUT /v2/keys/foo", "value=bar"),
            (SetOptions { prev_exist: PrevExist::Exist, ..defaults() }, "PUT /v2/keys/foo?prevExist=true", "value=bar"),
            (
                SetOptions { prev_exist: PrevExist::NoExist, ..defaults() },
                "PUT /v2/keys/foo?prevExist=false",
                "value=bar",
            ),
            (SetOptions { prev_index: 12, ..defaults() }, "PUT /v2/keys/foo?prevIndex=12", "value=bar"),
            (SetOptions { ttl: Ttl::from_ms(180_000).ok(), ..defaults() }, "PUT /v2/keys/foo", "ttl=180&value=bar"),
            (
                SetOptions { refresh: true, ttl: Ttl::from_ms(1).ok(), ..defaults() },
                "PUT /v2/keys/foo",
                "refresh=true&ttl=1&value=bar",
            ),
            (
                SetOptions { no_value_on_success: true, ..defaults() },
                "PUT /v2/keys/foo?noValueOnSuccess=true",
                "value=bar",
            ),
        ];
        for (options, line, body) in cases {
            assert_eq!(set_wire(options), (line.to_owned(), body.to_owned()));
        }
    }

    #[test]
    fn prev_value_travels_in_the_body_of_a_set() {
        let options = SetOptions { prev_value: Some("bar baz".into()), ..SetOptions::default() };
        assert_eq!(set_wire(options), ("PUT /v2/keys/foo".into(), "prevValue=bar+baz&value=bar".into()));
    }

    #[test]
    fn a_directory_has_neither_value_nor_prev_value() {
        let options = SetOptions { dir: true, prev_value: Some("x".into()), ..SetOptions::default() };
        assert_eq!(set_wire(options), ("PUT /v2/keys/foo?dir=true".into(), String::new()));
    }

    #[test]
    fn an_in_order_create_posts_a_form() {
        let options = CreateInOrderOptions { ttl: Ttl::from_ms(5000).ok() };
        let operation = Operation::CreateInOrder { dir: "/queue/", value: "x", options: &options };
        assert_eq!(wire(operation), ("POST /v2/keys/queue/".into(), "ttl=5&value=x".into()));
    }

    #[test]
    fn a_delete_sends_everything_in_the_query() {
        let options = DeleteOptions { prev_value: Some("a b".into()), prev_index: 3, recursive: true, dir: true };
        let line = wire(Operation::Delete { key: "/foo", options: &options }).0;
        assert_eq!(line, "DELETE /v2/keys/foo?dir=true&prevIndex=3&prevValue=a+b&recursive=true");
    }

    #[test]
    fn a_delete_whose_comparison_does_not_fit_is_refused_and_never_made_unconditional() {
        let options = DeleteOptions { prev_value: Some("x".repeat(5000)), ..DeleteOptions::default() };
        let operation = Operation::Delete { key: "/foo", options: &options };
        assert!(keys_request(&KeysSettings::default(), &operation, Some(4078)).is_err());
        assert!(keys_request(&KeysSettings::default(), &operation, None).is_ok());
    }
}
