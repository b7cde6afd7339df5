//! Discovery: endpoints from DNS.

use std::ffi::c_char;
use std::ptr;

use super::border;
use super::context::etcd_context;
use super::error::etcd_error;
use super::status::etcd_status;
use super::strings::{self as string_list, etcd_strings};
use crate::core::discovery::{self, NameServers};
use crate::core::error::Result;
use crate::ffi::{handle, out, strings};

/// The endpoints that the SRV records of `domain` name, for etcd_config_add_endpoint or etcd_client_set_endpoints; the caller
/// frees the list. Asks the system's name servers (those of /etc/resolv.conf, with its search list, timeout and attempts)
/// for _etcd-client-ssl._tcp.DOMAIN, which gives https URLs, and _etcd-client._tcp.DOMAIN, which gives http ones; the https
/// ones come first, each by priority and, at random, by weight. A `service_name` NAME other than NULL and "" makes it
/// _etcd-client-ssl-NAME and _etcd-client-NAME. Who must not fall back to plain text leaves the http ones out. A NULL
/// context means 5 seconds and no cancellation. Needs no client. Blocks.
///
/// ETCD_ERR_DNS: neither name has a record that can be used; the message says why for both. ETCD_ERR_INVALID_ARGUMENT: domain
/// or endpoints is NULL, or domain and service name make no domain name. ETCD_ERR_CANCELED, ETCD_ERR_DEADLINE_EXCEEDED,
/// ETCD_ERR_WOULD_DEADLOCK, ETCD_ERR_PANIC, ETCD_ERR_INTERNAL. ETCD_ERR_UNSUPPORTED: there is no /etc/resolv.conf on this
/// kind of system; etcd_discover_srv_at works everywhere.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_discover_srv(
    context: *const etcd_context,
    domain: *const c_char,
    service_name: *const c_char,
    endpoints: *mut *mut etcd_strings,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { discover(context, NameServers::of_the_system, domain, service_name, endpoints, error) }
}

/// As etcd_discover_srv, but asks these name servers instead of the system's, in this order until one answers: addresses such
/// as "127.0.0.1:5353", "10.0.0.1" (port 53) or "[::1]:53". For consul, split DNS and tests.
///
/// ETCD_ERR_INVALID_ARGUMENT: name_servers, domain or endpoints is NULL, name_servers is empty or holds what is no address, or
/// domain and service name make no domain name. ETCD_ERR_DNS, ETCD_ERR_CANCELED, ETCD_ERR_DEADLINE_EXCEEDED,
/// ETCD_ERR_WOULD_DEADLOCK, ETCD_ERR_PANIC, ETCD_ERR_INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_discover_srv_at(
    context: *const etcd_context,
    name_servers: *const etcd_strings,
    domain: *const c_char,
    service_name: *const c_char,
    endpoints: *mut *mut etcd_strings,
    error: *mut *mut etcd_error,
) -> etcd_status {
    let servers = || {
        // SAFETY: the C caller's promise.
        let list = unsafe { border::required("name_servers", name_servers) }?;
        NameServers::at(list.iter().map(|server| server.to_str().unwrap_or_default()))
    };
    // SAFETY: the C caller's promise.
    unsafe { discover(context, servers, domain, service_name, endpoints, error) }
}

/// # Safety
/// The pointers are NULL or valid, as the header asks.
unsafe fn discover(
    context: *const etcd_context,
    servers: impl FnOnce() -> Result<NameServers>,
    domain: *const c_char,
    service_name: *const c_char,
    endpoints: *mut *mut etcd_strings,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the caller's promise.
    unsafe { out::put(endpoints, ptr::null_mut()) };
    let body = || {
        border::present("endpoints", endpoints)?;
        let servers = servers()?;
        // SAFETY: the caller's promises.
        let (context, domain, service_name) = unsafe {
            (
                border::optional("context", context)?,
                strings::text("domain", domain)?,
                strings::optional_text("service_name", service_name)?,
            )
        };
        let found = discovery::discover(servers, domain, service_name, context)?;
        let list = string_list::c_strings(&found)?;
        // SAFETY: the caller's promise.
        unsafe { out::put(endpoints, handle::give(list)) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { border::fallible(error, body) }
}
