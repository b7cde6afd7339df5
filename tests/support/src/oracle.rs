//! The independent look at what is really on a server.

use std::time::Duration;

use reqwest::blocking::{Client, RequestBuilder};
use reqwest::{Method, redirect};
use serde_json::Value;

use rustls::ClientConfig;

use crate::certificates::{TlsFiles, without_certificates};
use crate::transport;

/// Longer than the 7 seconds after which an etcd without a majority gives up on a write.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks one server over an HTTP stack of its own, with nothing in between.
///
/// No proxy from the environment, no redirect followed and no connection used twice, so a kill or a restart between
/// two questions does no harm. It blocks: do not use or drop it inside an async runtime.
#[derive(Clone, Debug)]
pub struct Oracle {
    endpoint: String,
    http: Client,
    credentials: Option<(String, String)>,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case, in the server's order.
    pub headers: Vec<(String, String)>,
    /// The body as it is.
    pub body: Vec<u8>,
}

impl Oracle {
    /// Looks at `endpoint`, such as `http://127.0.0.1:4001`.
    pub fn new(endpoint: impl Into<String>) -> Self {
        let endpoint = endpoint.into();
        match transport::encrypted() {
            Some(files) if endpoint.starts_with("https://") => {
                Self::with_tls(&endpoint, files).as_user(transport::USER, transport::PASSWORD)
            }
            _ => Self::over(endpoint, without_certificates()),
        }
    }

    /// Looks at an https endpoint with the client certificate of `files`.
    pub fn with_tls(endpoint: &str, files: &TlsFiles) -> Self {
        Self::over(endpoint.into(), files.client_config())
    }

    fn over(endpoint: String, tls: ClientConfig) -> Self {
        let http = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .timeout(PATIENCE)
            .build()
            .expect("make the oracle's HTTP client");
        Self { endpoint, http, credentials: None }
    }

    /// The same look with the name and password of a user, for servers with auth enabled.
    pub fn as_user(&self, user: &str, password: &str) -> Self {
        Self { credentials: Some((user.into(), password.into())), ..self.clone() }
    }

    /// GET of a path with or without query, such as `/v2/keys/foo?recursive=true`.
    pub fn get(&self, path_and_query: &str) -> Answer {
        self.request("GET", path_and_query, &[])
    }

    /// As `get`, for a server that may not answer.
    pub(crate) fn try_get(&self, path_and_query: &str) -> Option<Answer> {
        let response = self.prepare("GET", path_and_query).send().ok()?;
        let status = response.status().as_u16();
        Some(Answer { status, headers: Vec::new(), body: response.bytes().ok()?.to_vec() })
    }

    /// Whether the server answers a GET with 200.
    pub fn answers(&self, path_and_query: &str) -> bool {
        self.try_get(path_and_query).is_some_and(|answer| answer.status == 200)
    }

    /// The value of a key on this server, which may lag behind its cluster; `None` for no key and for a directory.
    pub fn value(&self, key: &str) -> Option<String> {
        self.value_at(&keys_path(key))
    }

    /// The value of a key as the cluster's majority knows it.
    pub fn value_by_quorum(&self, key: &str) -> Option<String> {
        self.value_at(&format!("{}?quorum=true", keys_path(key)))
    }

    /// Sets a key; panics unless the server did it.
    pub fn set(&self, key: &str, value: &str) -> Answer {
        let answer = self.request("PUT", &keys_path(key), &[("value", value)]);
        assert!(matches!(answer.status, 200 | 201), "the oracle could not set {key}: {answer:?}");
        answer
    }

    /// Deletes a key or a directory with all below it; panics unless the server did it.
    pub fn delete(&self, key: &str) -> Answer {
        let answer = self.request("DELETE", &format!("{}?recursive=true", keys_path(key)), &[]);
        assert_eq!(answer.status, 200, "the oracle could not delete {key}: {answer:?}");
        answer
    }

    /// The store's current `X-Etcd-Index`.
    pub fn index(&self) -> u64 {
        let answer = self.get("/v2/keys/");
        let index = answer.header("x-etcd-index").and_then(|index| index.parse().ok());
        index.unwrap_or_else(|| panic!("no X-Etcd-Index in {answer:?}"))
    }

    /// Any request, with a form as its body unless the form is empty.
    pub fn request(&self, method: &str, path_and_query: &str, form: &[(&str, &str)]) -> Answer {
        let request = self.prepare(method, path_and_query);
        self.send(if form.is_empty() { request } else { request.form(form) })
    }

    /// Any request with a JSON body, as `/v2/members` and `/v2/auth` want it.
    pub fn request_json(&self, method: &str, path_and_query: &str, body: &Value) -> Answer {
        let request = self.prepare(method, path_and_query).header("Content-Type", "application/json");
        self.send(request.body(body.to_string()))
    }

    fn value_at(&self, path_and_query: &str) -> Option<String> {
        let answer = self.get(path_and_query);
        match answer.status {
            200 => answer.json()["node"]["value"].as_str().map(String::from),
            404 if answer.json()["errorCode"] == 100 => None,
            _ => panic!("the oracle could not read {path_and_query}: {answer:?}"),
        }
    }

    fn prepare(&self, method: &str, path_and_query: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("an HTTP method");
        let request = self.http.request(method, format!("{}{path_and_query}", self.endpoint));
        match &self.credentials {
            Some((user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        }
    }

    fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().unwrap_or_else(|error| panic!("no answer for the oracle: {error:?}"));
        let status = response.status().as_u16();
        let headers = response.headers().iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        let headers = headers.collect();
        let body = response.bytes().unwrap_or_else(|error| panic!("half an answer for the oracle: {error:?}"));
        Answer { status, headers, body: body.to_vec() }
    }
}

impl Answer {
    /// The first header of that name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_else(|_| panic!("the body is no text: {self:?}"))
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: the body is no JSON: {self:?}"))
    }
}

/// The path of a key, percent-encoded so that every byte of the key reaches the server as it is.
fn keys_path(key: &str) -> String {
    let mut path = String::from(if key.starts_with('/') { "/v2/keys" } else { "/v2/keys/" });
    for &byte in key.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path
}
