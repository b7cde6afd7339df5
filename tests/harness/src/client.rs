use std::ptr::{null, null_mut};

use ::etcd_client::capi::client::*;
use ::etcd_client::capi::config::*;
use ::etcd_client::capi::config_consistency::*;
use ::etcd_client::capi::config_tls::*;
use ::etcd_client::capi::context::*;
use ::etcd_client::capi::error::etcd_error;
use ::etcd_client::capi::options::*;
use ::etcd_client::capi::response::etcd_response;
use ::etcd_client::capi::strings::*;
use etcd_test_support::transport;

use crate::calls::{
    etcd_client_version, etcd_keys_create, etcd_keys_create_in_order, etcd_keys_delete, etcd_keys_get, etcd_keys_set,
    etcd_keys_update,
};
use crate::{Delete, Failure, Get, Response, Set, c, text};

/// A configuration; setters panic when they are refused.
pub struct Config(*mut etcd_config);

impl Config {
    /// For these endpoints, with all that the servers of the tests demand (see `transport`).
    pub fn new(endpoints: &[String]) -> Config {
        let config = Config(etcd_config_new()).endpoints(endpoints);
        match transport::encrypted() {
            Some(files) if endpoints.iter().any(|endpoint| endpoint.starts_with("https://")) => {
                let (certificate, key) = files.client_paths();
                let config = config.ca_file(&files.ca_path()).client_cert_files(&certificate, Some(&key));
                config.credentials(transport::USER, transport::PASSWORD)
            }
            _ => config,
        }
    }

    /// More endpoints, and nothing else.
    pub fn endpoints(self, endpoints: &[String]) -> Config {
        for endpoint in endpoints {
            // SAFETY: the configuration is alive, the string lives for the call.
            assert_eq!(unsafe { etcd_config_add_endpoint(self.0, c(endpoint).as_ptr()) }, 0, "{endpoint}");
        }
        self
    }

    pub fn ca_file(self, path: &str) -> Config {
        // SAFETY: the configuration is alive, the string lives for the call.
        self.change(|config| unsafe { etcd_config_add_ca_file(config, c(path).as_ptr()) })
    }

    pub fn ca_pem(self, pem: &str) -> Config {
        // SAFETY: the configuration is alive, the text lives for the call.
        self.change(|config| unsafe { etcd_config_add_ca_pem(config, pem.as_ptr().cast(), pem.len()) })
    }

    pub fn system_roots(self, on: bool) -> Config {
        // SAFETY: the configuration is alive.
        self.change(|config| unsafe { etcd_config_set_system_roots(config, on.into()) })
    }

    pub fn client_cert_files(self, certificate: &str, key: Option<&str>) -> Config {
        let key = key.map(c);
        let key = key.as_ref().map_or(null(), |key| key.as_ptr());
        // SAFETY: the configuration is alive, the strings live for the call.
        self.change(|config| unsafe { etcd_config_set_client_cert_files(config, c(certificate).as_ptr(), key) })
    }

    pub fn client_cert_pem(self, certificate: &str, key: &str) -> Config {
        let (certificate, key) = (certificate.as_bytes(), key.as_bytes());
        let (certificate, key) = ((certificate.as_ptr().cast(), certificate.len()), (key.as_ptr().cast(), key.len()));
        let set = |config| {
            // SAFETY: the configuration is alive, the texts live for the call.
            unsafe { etcd_config_set_client_cert_pem(config, certificate.0, certificate.1, key.0, key.1) }
        };
        self.change(set)
    }

    pub fn server_name(self, name: &str) -> Config {
        // SAFETY: the configuration is alive, the string lives for the call.
        self.change(|config| unsafe { etcd_config_set_server_name(config, c(name).as_ptr()) })
    }

    pub fn insecure_skip_verify(self) -> Config {
        // SAFETY: the configuration is alive.
        self.change(|config| unsafe { etcd_config_set_insecure_skip_verify(config, 1) })
    }

    /// For setters that have no wrapper here.
    pub fn change(self, setter: impl FnOnce(*mut etcd_config) -> i32) -> Config {
        assert_eq!(setter(self.0), 0, "a setter refused");
        self
    }

    pub fn credentials(self, username: &str, password: &str) -> Config {
        // SAFETY: the configuration is alive, the strings live for the call.
        self.change(|config| unsafe { etcd_config_set_credentials(config, c(username).as_ptr(), c(password).as_ptr()) })
    }

    /// As nobody, whoever the rest of the tests are.
    pub fn anonymous(self) -> Config {
        self.credentials("", "")
    }

    pub fn request_timeout_ms(self, ms: i64) -> Config {
        // SAFETY: the configuration is alive.
        self.change(|config| unsafe { etcd_config_set_request_timeout_ms(config, ms) })
    }

    pub fn quorum_reads(self, on: bool) -> Config {
        // SAFETY: the configuration is alive.
        self.change(|config| unsafe { etcd_config_set_quorum_reads(config, on.into()) })
    }

    pub fn refuse_isolated(self, on: bool) -> Config {
        // SAFETY: the configuration is alive.
        self.change(|config| unsafe { etcd_config_set_refuse_isolated(config, on.into()) })
    }

    pub fn resend_sets(self, on: bool) -> Config {
        // SAFETY: the configuration is alive.
        self.change(|config| unsafe { etcd_config_set_resend_sets(config, on.into()) })
    }

    pub fn header_timeout_ms(self, ms: i64) -> Config {
        // SAFETY: the configuration is alive.
        self.change(|config| unsafe { etcd_config_set_header_timeout_ms(config, ms) })
    }

    pub fn connect_timeout_ms(self, ms: i64) -> Config {
        // SAFETY: the configuration is alive.
        self.change(|config| unsafe { etcd_config_set_connect_timeout_ms(config, ms) })
    }

    pub fn max_redirects(self, max: i32) -> Config {
        // SAFETY: the configuration is alive.
        self.change(|config| unsafe { etcd_config_set_max_redirects(config, max) })
    }

    pub fn max_response_bytes(self, bytes: i64) -> Config {
        // SAFETY: the configuration is alive.
        self.change(|config| unsafe { etcd_config_set_max_response_bytes(config, bytes) })
    }

    pub fn keys_prefix(self, prefix: &str) -> Config {
        // SAFETY: the configuration is alive, the string lives for the call.
        self.change(|config| unsafe { etcd_config_set_keys_prefix(config, c(prefix).as_ptr()) })
    }

    pub fn selection_mode(self, mode: i32) -> Config {
        // SAFETY: the configuration is alive.
        self.change(|config| unsafe { etcd_config_set_selection_mode(config, mode) })
    }

    pub fn proxy(self, url: Option<&str>) -> Config {
        let url = url.map(c);
        // SAFETY: the configuration is alive, the string lives for the call.
        self.change(|config| unsafe { etcd_config_set_proxy(config, url.as_ref().map_or(null(), |url| url.as_ptr())) })
    }

    pub fn client(self) -> Result<Client, Failure> {
        let (mut client, mut error) = (null_mut(), null_mut());
        // SAFETY: the configuration is alive, the out-parameters are ours.
        let status = unsafe { etcd_client_new(self.0, &mut client, &mut error) };
        outcome(status, error).map(|()| Client(client))
    }

    pub fn build(self) -> Client {
        self.client().expect("a client")
    }
}

impl Drop for Config {
    fn drop(&mut self) {
        // SAFETY: the configuration is ours.
        unsafe { etcd_config_free(self.0) }
    }
}

/// A context; cancelled from any thread.
pub struct Context(*mut etcd_context);

// SAFETY: the header says that a context may be used from many threads at once.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    pub fn new() -> Context {
        // SAFETY: no parent.
        Context(unsafe { etcd_context_new(null()) })
    }

    pub fn with_timeout_ms(ms: i64) -> Context {
        // SAFETY: no parent.
        Context(unsafe { etcd_context_with_timeout_ms(null(), ms) })
    }

    pub fn cancel(&self) {
        // SAFETY: the context is alive.
        unsafe { etcd_context_cancel(self.0) }
    }

    pub fn status(&self) -> i32 {
        // SAFETY: the context is alive.
        unsafe { etcd_context_status(self.0) }
    }
}

impl Default for Context {
    fn default() -> Context {
        Context::new()
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the context is ours.
        unsafe { etcd_context_free(self.0) }
    }
}

/// A client; used from any number of threads.
pub struct Client(*mut etcd_client);

// SAFETY: the header says that a client may be used from many threads at once.
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}

type Out = (*mut *mut etcd_response, *mut *mut etcd_error);

impl Client {
    pub fn of(endpoint: &str) -> Client {
        Config::new(&[endpoint.to_owned()]).build()
    }

    pub fn of_all(endpoints: &[String]) -> Client {
        Config::new(endpoints).build()
    }

    /// A client whose first call starts at the first of `endpoints`; the others follow in some order.
    pub fn starting_at_first(make: impl Fn() -> Config, first: &str) -> Client {
        loop {
            let client = make().build();
            if client.endpoints()[0] == first {
                return client;
            }
        }
    }

    pub fn raw(&self) -> *mut etcd_client {
        self.0
    }

    /// For a free in another place.
    pub fn into_raw(self) -> *mut etcd_client {
        std::mem::ManuallyDrop::new(self).0
    }

    fn keys(&self, call: impl FnOnce(Out) -> i32) -> Result<Response, Failure> {
        let (mut response, mut error) = (null_mut(), null_mut());
        let status = call((&mut response, &mut error));
        if status != 0 {
            assert!(response.is_null(), "a response together with an error");
        }
        outcome(status, error).map(|()| Response::take(response))
    }

    pub fn get(&self, key: &str) -> Result<Response, Failure> {
        self.get_with(None, key, &Get::default())
    }

    pub fn get_with(&self, context: Option<&Context>, key: &str, options: &Get) -> Result<Response, Failure> {
        let (key, context) = (c(key), raw(context));
        // SAFETY: everything lives for the call.
        options.with(|options| {
            self.keys(|out| unsafe { etcd_keys_get(self.0, context, key.as_ptr(), options, out.0, out.1) })
        })
    }

    pub fn set(&self, key: &str, value: &str) -> Result<Response, Failure> {
        self.set_with(None, key, value, &Set::default())
    }

    pub fn set_with(
        &self,
        context: Option<&Context>,
        key: &str,
        value: &str,
        options: &Set<'_>,
    ) -> Result<Response, Failure> {
        let (key, context) = (c(key), raw(context));
        // SAFETY: everything lives for the call.
        options.with(|options| {
            self.keys(|out| unsafe {
                etcd_keys_set(self.0, context, key.as_ptr(), value.as_ptr().cast(), value.len(), options, out.0, out.1)
            })
        })
    }

    pub fn create(&self, key: &str, value: &str) -> Result<Response, Failure> {
        self.create_with(None, key, value)
    }

    pub fn create_with(&self, context: Option<&Context>, key: &str, value: &str) -> Result<Response, Failure> {
        let key = c(key);
        // SAFETY: everything lives for the call.
        self.keys(|out| unsafe {
            etcd_keys_create(self.0, raw(context), key.as_ptr(), value.as_ptr().cast(), value.len(), out.0, out.1)
        })
    }

    pub fn update(&self, key: &str, value: &str) -> Result<Response, Failure> {
        let key = c(key);
        // SAFETY: everything lives for the call.
        self.keys(|out| unsafe {
            etcd_keys_update(self.0, null(), key.as_ptr(), value.as_ptr().cast(), value.len(), out.0, out.1)
        })
    }

    pub fn create_in_order(&self, dir: &str, value: &str, ttl_ms: Option<i64>) -> Result<Response, Failure> {
        let dir = c(dir);
        // SAFETY: everything lives for the call; the options are freed after it.
        unsafe {
            let options = etcd_create_in_order_options_new();
            if let Some(ms) = ttl_ms {
                assert_eq!(etcd_create_in_order_options_set_ttl_ms(options, ms), 0);
            }
            let call = |out: Out| {
                etcd_keys_create_in_order(
                    self.0,
                    null(),
                    dir.as_ptr(),
                    value.as_ptr().cast(),
                    value.len(),
                    options,
                    out.0,
                    out.1,
                )
            };
            let result = self.keys(call);
            etcd_create_in_order_options_free(options);
            result
        }
    }

    pub fn delete(&self, key: &str) -> Result<Response, Failure> {
        self.delete_with(None, key, &Delete::default())
    }

    pub fn delete_with(&self, context: Option<&Context>, key: &str, options: &Delete<'_>) -> Result<Response, Failure> {
        let (key, context) = (c(key), raw(context));
        // SAFETY: everything lives for the call.
        options.with(|options| {
            self.keys(|out| unsafe { etcd_keys_delete(self.0, context, key.as_ptr(), options, out.0, out.1) })
        })
    }

    /// The versions of server and cluster.
    pub fn version(&self) -> Result<(String, String), Failure> {
        let (mut version, mut error) = (null_mut(), null_mut());
        // SAFETY: the client is alive, the out-parameters are ours, the version is freed.
        unsafe {
            let status = etcd_client_version(self.0, null(), &mut version, &mut error);
            outcome(status, error)?;
            let texts = (text(etcd_server_version_server(version)), text(etcd_server_version_cluster(version)));
            etcd_server_version_free(version);
            Ok((texts.0.expect("a server version"), texts.1.expect("a cluster version")))
        }
    }

    /// The endpoints in the order in which they are tried.
    pub fn endpoints(&self) -> Vec<String> {
        let (mut list, mut error) = (null_mut(), null_mut());
        // SAFETY: the client is alive, the out-parameters are ours, the list is freed.
        unsafe {
            let status = etcd_client_endpoints(self.0, &mut list, &mut error);
            outcome(status, error).expect("endpoints");
            let endpoints = (0..etcd_strings_len(list))
                .map(|index| text(etcd_strings_get(list, index)).expect("a string"))
                .collect();
            etcd_strings_free(list);
            endpoints
        }
    }

    pub fn set_endpoints(&self, endpoints: &[String]) -> Result<(), Failure> {
        let mut error = null_mut();
        // SAFETY: the list is made here and freed at the end.
        unsafe {
            let list = etcd_strings_new();
            for endpoint in endpoints {
                assert_eq!(etcd_strings_add(list, c(endpoint).as_ptr()), 0);
            }
            let status = etcd_client_set_endpoints(self.0, list, &mut error);
            etcd_strings_free(list);
            outcome(status, error)
        }
    }

    pub fn close(&self, timeout_ms: i64) -> Result<(), Failure> {
        let mut error = null_mut();
        // SAFETY: the client is alive, the out-parameter is ours.
        let status = unsafe { etcd_client_close(self.0, timeout_ms, &mut error) };
        outcome(status, error)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: the client is ours.
        unsafe { etcd_client_free(self.0) }
    }
}

pub(crate) fn raw(context: Option<&Context>) -> *const etcd_context {
    context.map_or(null(), |context| context.0.cast_const())
}

pub(crate) fn outcome(status: i32, error: *mut etcd_error) -> Result<(), Failure> {
    if status == 0 {
        assert!(error.is_null(), "an error object with ETCD_OK");
        return Ok(());
    }
    Err(Failure::take(status, error))
}
