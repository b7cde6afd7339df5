//! Keys operations as HTTP requests, byte for byte as the Go client sends them, but for `prevValue`.

use std::borrow::Cow;

use bytes::Bytes;
use http::Method;

use crate::core::encoding;
use crate::core::error::{Error, Result};
use crate::core::exchange::{Effect, Request};
use crate::core::keys::{
    CreateInOrderOptions, DeleteOptions, GetOptions, KeysSettings, Operation, PrevExist, SetOptions, path,
};

const FORM: &str = "application/x-www-form-urlencoded";

type Pairs<'a> = Vec<(&'static str, Cow<'a, str>)>;

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
    let query = format!("quorum={quorum}&recursive={}&sorted={}", options.recursive, options.sort);
    let path = path::encoded("key", &settings.prefix, key)?;
    Ok(Request { method: Method::GET, path, query, content_type: None, body: Bytes::new(), effect })
}

fn set(prefix: &str, key: &str, value: &str, options: &SetOptions, effect: Effect) -> Result<Request> {
    let mut query: Pairs<'_> = Vec::new();
    let mut form: Pairs<'_> = Vec::new();
    match options.prev_exist {
        PrevExist::Ignore => {}
        PrevExist::Exist => query.push(("prevExist", "true".into())),
        PrevExist::NoExist => query.push(("prevExist", "false".into())),
    }
    if options.dir {
        query.push(("dir", "true".into()));
    } else {
        form.push(("value", value.into()));
        // Go puts prevValue into the URL, where etcd resets the connection beyond 4 KB.
        form.extend(options.prev_value.as_deref().map(|value| ("prevValue", value.into())));
    }
    if options.prev_index != 0 {
        query.push(("prevIndex", options.prev_index.to_string().into()));
    }
    if options.no_value_on_success {
        query.push(("noValueOnSuccess", "true".into()));
    }
    if options.refresh {
        form.push(("refresh", "true".into()));
    }
    form.extend(options.ttl.map(|ttl| ("ttl", ttl.seconds().to_string().into())));
    let path = path::encoded("key", prefix, key)?;
    Ok(Request { method: Method::PUT, path, query: encoding::form(query)?, ..form_request(form, effect)? })
}

fn create_in_order(
    prefix: &str,
    dir: &str,
    value: &str,
    options: &CreateInOrderOptions,
    effect: Effect,
) -> Result<Request> {
    let mut form: Pairs<'_> = vec![("value", value.into())];
    form.extend(options.ttl.map(|ttl| ("ttl", ttl.seconds().to_string().into())));
    Ok(Request { path: path::encoded("dir", prefix, dir)?, ..form_request(form, effect)? })
}

fn form_request(form: Pairs<'_>, effect: Effect) -> Result<Request> {
    Ok(Request {
        method: Method::POST,
        path: String::new(),
        query: String::new(),
        content_type: Some(FORM),
        body: encoding::form(form)?.into(),
        effect,
    })
}

fn delete(
    prefix: &str,
    key: &str,
    options: &DeleteOptions,
    effect: Effect,
    longest_target: Option<usize>,
) -> Result<Request> {
    let path = path::encoded("key", prefix, key)?;
    let mut query: Pairs<'_> = Vec::new();
    if let Some(value) = options.prev_value.as_deref() {
        // Before it is encoded, and whoever takes it: no target is longer.
        refuse_beyond(Some(path::LONGEST), path.len() + encoding::query_length(value))?;
        query.push(("prevValue", value.into()));
    }
    if options.prev_index != 0 {
        query.push(("prevIndex", options.prev_index.to_string().into()));
    }
    if options.recursive {
        query.push(("recursive", "true".into()));
    }
    if options.dir {
        query.push(("dir", "true".into()));
    }
    let query = encoding::form(query)?;
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
    use crate::core::keys::Ttl;

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
        let options = GetOptions { recursive: true, sort: false, quorum: Some(true) };
        let line = wire(Operation::Get { key: "/foo", options: &options }).0;
        assert_eq!(line, "GET /v2/keys/foo?quorum=true&recursive=true&sorted=false");
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
