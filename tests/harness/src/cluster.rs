use std::ptr::{null, null_mut};

use ::etcd_client::capi::discovery::*;
use ::etcd_client::capi::strings::*;
use ::etcd_client::capi::sync::*;

use crate::calls::{etcd_client_health, etcd_client_stats, etcd_client_sync};
use crate::client::{outcome, raw};
use crate::{Client, Context, Failure, c, text};

impl Client {
    pub fn sync(&self) -> Result<(), Failure> {
        self.sync_with(None)
    }

    pub fn sync_with(&self, context: Option<&Context>) -> Result<(), Failure> {
        let mut error = null_mut();
        // SAFETY: client and context are alive, the out-parameter is ours.
        let status = unsafe { etcd_client_sync(self.raw(), raw(context), &mut error) };
        outcome(status, error)
    }

    /// Gives why it ended.
    pub fn auto_sync(&self, context: Option<&Context>, interval_ms: i64) -> Failure {
        let mut error = null_mut();
        // SAFETY: client and context are alive, the out-parameter is ours.
        let status = unsafe { etcd_client_auto_sync(self.raw(), raw(context), interval_ms, &mut error) };
        outcome(status, error).expect_err("auto-sync ends only with an error")
    }

    pub fn start_auto_sync(&self, interval_ms: i64) -> Result<(), Failure> {
        let mut error = null_mut();
        // SAFETY: the client is alive, the out-parameter is ours.
        let status = unsafe { etcd_client_start_auto_sync(self.raw(), interval_ms, &mut error) };
        outcome(status, error)
    }

    pub fn stop_auto_sync(&self) {
        // SAFETY: the client is alive.
        assert_eq!(unsafe { etcd_client_stop_auto_sync(self.raw()) }, 0);
    }

    /// Of one endpoint, or of the first that answers.
    pub fn health(&self, endpoint: Option<&str>) -> Result<bool, Failure> {
        let (endpoint, mut healthy, mut error) = (endpoint.map(c), false, null_mut());
        let pointer = endpoint.as_ref().map_or(null(), |endpoint| endpoint.as_ptr());
        // SAFETY: client and endpoint are alive, the out-parameters are ours.
        let status = unsafe { etcd_client_health(self.raw(), null(), pointer, &mut healthy, &mut error) };
        outcome(status, error).map(|()| healthy)
    }

    /// The JSON.
    pub fn stats(&self, kind: &str) -> Result<String, Failure> {
        let (mut json, mut len, mut error) = (null_mut(), 7, null_mut());
        // SAFETY: client and kind are alive, the out-parameters are ours, the text is freed.
        unsafe {
            let status = etcd_client_stats(self.raw(), null(), c(kind).as_ptr(), &mut json, &mut len, &mut error);
            if status != 0 {
                assert!(json.is_null() && len == 0, "a text together with an error");
            }
            outcome(status, error)?;
            let copy = text(json).expect("a text");
            assert_eq!(copy.len(), len);
            etcd_string_free(json);
            Ok(copy)
        }
    }
}

/// The endpoints of a domain, as the given name servers know them; none given means the system's.
pub fn discover(
    context: Option<&Context>,
    name_servers: Option<&[String]>,
    domain: &str,
    service_name: Option<&str>,
) -> Result<Vec<String>, Failure> {
    let (domain, service_name) = (c(domain), service_name.map(c));
    let service = service_name.as_ref().map_or(null(), |name| name.as_ptr());
    let (mut list, mut error) = (null_mut(), null_mut());
    // SAFETY: everything lives for the call; the lists are freed.
    unsafe {
        let status = match name_servers {
            None => etcd_discover_srv(raw(context), domain.as_ptr(), service, &mut list, &mut error),
            Some(addresses) => {
                let servers = etcd_strings_new();
                for address in addresses {
                    assert_eq!(etcd_strings_add(servers, c(address).as_ptr()), 0);
                }
                let status =
                    etcd_discover_srv_at(raw(context), servers, domain.as_ptr(), service, &mut list, &mut error);
                etcd_strings_free(servers);
                status
            }
        };
        if status != 0 {
            assert!(list.is_null(), "a list together with an error");
        }
        outcome(status, error)?;
        let count = etcd_strings_len(list);
        let urls = (0..count).map(|index| text(etcd_strings_get(list, index)).expect("a string")).collect();
        etcd_strings_free(list);
        Ok(urls)
    }
}
