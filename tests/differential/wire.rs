//! A request as it is compared.

use etcd_test_support::Request;

/// All of a request but the order and the spelling of its headers' names, which mean nothing, and the address in `Host`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wire {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<String>,
    pub(crate) version: String,
    /// Names in lower case, sorted.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Wire {
    /// Checks that the `Host` is the one of `endpoint`.
    pub(crate) fn of(request: &Request, endpoint: &str) -> Wire {
        assert_eq!(request.header("host"), endpoint.strip_prefix("http://"), "{request:?}");
        let headers = request.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
        let mut headers: Vec<_> = headers.filter(|(name, _)| name != "host").collect();
        headers.sort();
        let query = request.query();
        Wire {
            method: request.method.clone(),
            path: request.path().to_owned(),
            query: if query.is_empty() { Vec::new() } else { query.split('&').map(String::from).collect() },
            version: request.version.clone(),
            headers,
            body: String::from_utf8(request.body.clone()).expect("forms and JSON are text"),
        }
    }

    pub(crate) fn header(&mut self, name: &str) -> Option<&mut String> {
        self.headers.iter_mut().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub(crate) fn remove_header(&mut self, name: &str) -> Option<String> {
        let position = self.headers.iter().position(|(known, _)| known == name)?;
        Some(self.headers.remove(position).1)
    }

    /// Puts other words for what only one of the two servers has; the length of the body is then that of the words.
    pub(crate) fn replace(&mut self, of_one: &[(String, &str)]) {
        let length = self.body.len();
        for (own, common) in of_one {
            self.path = self.path.replace(own, common);
            self.body = self.body.replace(own, common);
        }
        if self.body.len() != length {
            self.set_body(self.body.clone());
        }
    }

    /// Another body, with its length.
    pub(crate) fn set_body(&mut self, body: String) {
        let length = body.len().to_string();
        self.body = body;
        *self.header("content-length").expect("a body has a length") = length;
    }

    /// The pieces of a form body.
    pub(crate) fn form(&self) -> Vec<String> {
        self.body.split('&').map(String::from).collect()
    }
}
