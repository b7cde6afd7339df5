//! Every pointer to an object: NULL, and an object of every other type.

use std::ffi::c_void;
use std::ptr::{null, null_mut};

use etcd_test_harness::capi::client::*;
use etcd_test_harness::capi::config::*;
use etcd_test_harness::capi::context::*;
use etcd_test_harness::capi::error::*;
use etcd_test_harness::capi::keys::*;
use etcd_test_harness::capi::options::*;
use etcd_test_harness::capi::response::*;
use etcd_test_harness::capi::status::*;
use etcd_test_harness::capi::strings::*;
use etcd_test_support::{Reply, ScriptedServer, refused_endpoint};

use crate::raw::{self, Owned, told};

type Pointer = *mut c_void;
type Error = *mut *mut etcd_error;

const V: *const std::ffi::c_char = c"v".as_ptr();
const K: *const std::ffi::c_char = c"/k".as_ptr();

/// One object of each type.
struct Objects {
    config: Owned<etcd_config>,
    client: Owned<etcd_client>,
    context: Owned<etcd_context>,
    error: Owned<etcd_error>,
    response: Owned<etcd_response>,
    strings: Owned<etcd_strings>,
    version: Owned<etcd_server_version>,
    get: Owned<etcd_get_options>,
    set: Owned<etcd_set_options>,
    delete: Owned<etcd_delete_options>,
    in_order: Owned<etcd_create_in_order_options>,
}

impl Objects {
    fn new() -> Objects {
        let nobody = refused_endpoint();
        let body = r#"{"action":"get","etcdserver":"3","etcdcluster":"3","node":{"key":"/a"}}"#;
        let server = ScriptedServer::always(Reply::etcd(200, 1, body));
        let good = raw::client(&[&server.endpoint()]);
        let mut version = null_mut();
        // SAFETY: everything lives for the call.
        assert_eq!(unsafe { etcd_client_version(good.get(), null(), &mut version, null_mut()) }, 0);
        let client = raw::client(&[&nobody.endpoint()]);
        Objects {
            config: raw::config(&[]),
            // SAFETY: no parent.
            context: Owned::new(unsafe { etcd_context_new(null()) }, etcd_context_free),
            error: raw::error(&client, "/k"),
            response: raw::response(&good, "/a"),
            strings: Owned::new(etcd_strings_new(), etcd_strings_free),
            version: Owned::new(version, etcd_server_version_free),
            get: Owned::new(etcd_get_options_new(), etcd_get_options_free),
            set: Owned::new(etcd_set_options_new(), etcd_set_options_free),
            delete: Owned::new(etcd_delete_options_new(), etcd_delete_options_free),
            in_order: Owned::new(etcd_create_in_order_options_new(), etcd_create_in_order_options_free),
            client,
        }
    }

    fn all(&self) -> Vec<(&'static str, Pointer)> {
        // SAFETY: the response is alive.
        let node = unsafe { etcd_response_node(self.response.get()) }.cast_mut();
        vec![
            ("config", self.config.get().cast()),
            ("client", self.client.get().cast()),
            ("context", self.context.get().cast()),
            ("error", self.error.get().cast()),
            ("response", self.response.get().cast()),
            ("node", node.cast()),
            ("strings", self.strings.get().cast()),
            ("version", self.version.get().cast()),
            ("get options", self.get.get().cast()),
            ("set options", self.set.get().cast()),
            ("delete options", self.delete.get().cast()),
            ("in-order options", self.in_order.get().cast()),
        ]
    }
}

/// A parameter that takes an object: its name, the type, whether NULL is fine, and a call with everything else right.
type Parameter = (&'static str, &'static str, bool, fn(&Objects, Pointer, Error) -> i32);

/// The parameters of the functions that report an error object.
// SAFETY of all the calls: every pointer is NULL or an object that is alive; strings are literals.
#[rustfmt::skip]
const REPORTED: &[Parameter] = &[
    ("client", "client", false, |_, p, e| unsafe { etcd_keys_get(p.cast(), null(), K, null(), null_mut(), e) }),
    ("client", "client", false, |_, p, e| unsafe { etcd_keys_set(p.cast(), null(), K, V, 1, null(), null_mut(), e) }),
    ("client", "client", false, |_, p, e| unsafe { etcd_keys_create(p.cast(), null(), K, V, 1, null_mut(), e) }),
    ("client", "client", false, |_, p, e| unsafe { etcd_keys_update(p.cast(), null(), K, V, 1, null_mut(), e) }),
    ("client", "client", false, |_, p, e| unsafe { etcd_keys_create_in_order(p.cast(), null(), K, V, 1, null(), null_mut(), e) }),
    ("client", "client", false, |_, p, e| unsafe { etcd_keys_delete(p.cast(), null(), K, null(), null_mut(), e) }),
    ("client", "client", false, |_, p, e| unsafe { etcd_client_version(p.cast(), null(), &mut null_mut(), e) }),
    ("client", "client", false, |_, p, e| unsafe { etcd_client_endpoints(p.cast(), &mut null_mut(), e) }),
    ("client", "client", false, |o, p, e| unsafe { etcd_client_set_endpoints(p.cast(), o.strings.get(), e) }),
    ("client", "client", false, |_, p, e| unsafe { etcd_client_close(p.cast(), 0, e) }),
    ("endpoints", "strings", false, |o, p, e| unsafe { etcd_client_set_endpoints(o.client.get(), p.cast(), e) }),
    ("config", "config", true, |_, p, e| unsafe {
        let mut client = null_mut();
        let status = etcd_client_new(p.cast(), &mut client, e);
        etcd_client_free(client);
        status
    }),
    ("context", "context", true, |o, p, e| unsafe { etcd_keys_get(o.client.get(), p.cast(), K, null(), null_mut(), e) }),
    ("context", "context", true, |o, p, e| unsafe { etcd_keys_set(o.client.get(), p.cast(), K, V, 1, null(), null_mut(), e) }),
    ("context", "context", true, |o, p, e| unsafe { etcd_keys_create(o.client.get(), p.cast(), K, V, 1, null_mut(), e) }),
    ("context", "context", true, |o, p, e| unsafe { etcd_keys_update(o.client.get(), p.cast(), K, V, 1, null_mut(), e) }),
    ("context", "context", true, |o, p, e| unsafe { etcd_keys_create_in_order(o.client.get(), p.cast(), K, V, 1, null(), null_mut(), e) }),
    ("context", "context", true, |o, p, e| unsafe { etcd_keys_delete(o.client.get(), p.cast(), K, null(), null_mut(), e) }),
    ("context", "context", true, |o, p, e| unsafe { etcd_client_version(o.client.get(), p.cast(), &mut null_mut(), e) }),
    ("options", "get options", true, |o, p, e| unsafe { etcd_keys_get(o.client.get(), null(), K, p.cast(), null_mut(), e) }),
    ("options", "set options", true, |o, p, e| unsafe { etcd_keys_set(o.client.get(), null(), K, V, 1, p.cast(), null_mut(), e) }),
    ("options", "in-order options", true, |o, p, e| unsafe { etcd_keys_create_in_order(o.client.get(), null(), K, V, 1, p.cast(), null_mut(), e) }),
    ("options", "delete options", true, |o, p, e| unsafe { etcd_keys_delete(o.client.get(), null(), K, p.cast(), null_mut(), e) }),
];

/// The parameters of the functions that report by their status alone.
// SAFETY of all the calls: as above.
#[rustfmt::skip]
const SILENT: &[Parameter] = &[
    ("config", "config", false, |_, p, _| unsafe { etcd_config_add_endpoint(p.cast(), c"http://a:1".as_ptr()) }),
    ("config", "config", false, |_, p, _| unsafe { etcd_config_set_credentials(p.cast(), V, V) }),
    ("config", "config", false, |_, p, _| unsafe { etcd_config_set_request_timeout_ms(p.cast(), 1) }),
    ("config", "config", false, |_, p, _| unsafe { etcd_config_set_header_timeout_ms(p.cast(), 1) }),
    ("config", "config", false, |_, p, _| unsafe { etcd_config_set_connect_timeout_ms(p.cast(), 1) }),
    ("config", "config", false, |_, p, _| unsafe { etcd_config_set_selection_mode(p.cast(), ETCD_SELECT_RANDOM) }),
    ("config", "config", false, |_, p, _| unsafe { etcd_config_set_max_redirects(p.cast(), 1) }),
    ("config", "config", false, |_, p, _| unsafe { etcd_config_set_keys_prefix(p.cast(), K) }),
    ("config", "config", false, |_, p, _| unsafe { etcd_config_set_proxy(p.cast(), null()) }),
    ("config", "config", false, |_, p, _| unsafe { etcd_config_set_log(p.cast(), ETCD_LOG_WARN, None, null_mut(), None) }),
    ("config", "config", false, |_, p, _| unsafe { etcd_config_set_protocol(p.cast(), ETCD_PROTOCOL_V2) }),
    ("context", "context", false, |_, p, _| unsafe { etcd_context_status(p.cast()) }),
    ("strings", "strings", false, |_, p, _| unsafe { etcd_strings_add(p.cast(), V) }),
    ("options", "get options", false, |_, p, _| unsafe { etcd_get_options_set_recursive(p.cast(), 1) }),
    ("options", "get options", false, |_, p, _| unsafe { etcd_get_options_set_sort(p.cast(), 1) }),
    ("options", "get options", false, |_, p, _| unsafe { etcd_get_options_set_quorum(p.cast(), 1) }),
    ("options", "set options", false, |_, p, _| unsafe { etcd_set_options_set_prev_value(p.cast(), V, 1) }),
    ("options", "set options", false, |_, p, _| unsafe { etcd_set_options_set_prev_index(p.cast(), 1) }),
    ("options", "set options", false, |_, p, _| unsafe { etcd_set_options_set_prev_exist(p.cast(), ETCD_PREV_EXIST) }),
    ("options", "set options", false, |_, p, _| unsafe { etcd_set_options_set_ttl_ms(p.cast(), 1) }),
    ("options", "set options", false, |_, p, _| unsafe { etcd_set_options_set_refresh(p.cast(), 1) }),
    ("options", "set options", false, |_, p, _| unsafe { etcd_set_options_set_dir(p.cast(), 1) }),
    ("options", "set options", false, |_, p, _| unsafe { etcd_set_options_set_no_value_on_success(p.cast(), 1) }),
    ("options", "delete options", false, |_, p, _| unsafe { etcd_delete_options_set_prev_value(p.cast(), V, 1) }),
    ("options", "delete options", false, |_, p, _| unsafe { etcd_delete_options_set_prev_index(p.cast(), 1) }),
    ("options", "delete options", false, |_, p, _| unsafe { etcd_delete_options_set_recursive(p.cast(), 1) }),
    ("options", "delete options", false, |_, p, _| unsafe { etcd_delete_options_set_dir(p.cast(), 1) }),
    ("options", "in-order options", false, |_, p, _| unsafe { etcd_create_in_order_options_set_ttl_ms(p.cast(), 1) }),
];

#[test]
fn null_is_refused_by_name_wherever_it_is_not_allowed_and_fine_elsewhere() {
    let objects = Objects::new();
    for (number, (name, _, null_is_fine, call)) in REPORTED.iter().enumerate() {
        let told = told(|error| call(&objects, null_mut(), error));
        if *null_is_fine {
            assert_ne!(told.status, ETCD_ERR_INVALID_ARGUMENT, "call {number}: {told:?}");
        } else {
            assert_eq!((told.status, told.outcome), (ETCD_ERR_INVALID_ARGUMENT, ETCD_NOT_APPLIED), "call {number}");
            assert_eq!(told.message, format!("{name}: is NULL"), "call {number}");
        }
    }
    for (number, (_, _, _, call)) in SILENT.iter().enumerate() {
        assert_eq!(call(&objects, null_mut(), null_mut()), ETCD_ERR_INVALID_ARGUMENT, "call {number}");
    }
}

#[test]
fn an_object_of_any_other_type_is_refused_by_name() {
    let objects = Objects::new();
    for (number, (name, kind, _, call)) in REPORTED.iter().enumerate() {
        for (other, object) in objects.all().into_iter().filter(|(other, _)| other != kind) {
            let told = told(|error| call(&objects, object, error));
            assert_eq!(
                (told.status, told.outcome),
                (ETCD_ERR_INVALID_ARGUMENT, ETCD_NOT_APPLIED),
                "call {number}: {other}"
            );
            assert!(told.message.starts_with(&format!("{name}: ")), "call {number} with {other}: {}", told.message);
            assert_eq!(call(&objects, object, null_mut()), ETCD_ERR_INVALID_ARGUMENT, "without an error object");
        }
    }
    for (number, (_, kind, _, call)) in SILENT.iter().enumerate() {
        for (other, object) in objects.all() {
            let expected = if other == *kind { ETCD_OK } else { ETCD_ERR_INVALID_ARGUMENT };
            assert_eq!(call(&objects, object, null_mut()), expected, "call {number} with {other}");
        }
    }
}
