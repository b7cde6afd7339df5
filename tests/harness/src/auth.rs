use std::ptr::null_mut;

use ::etcd_client::capi::client::etcd_client;
use ::etcd_client::capi::context::etcd_context;
use ::etcd_client::capi::error::etcd_error;
use ::etcd_client::capi::strings::etcd_strings;

use crate::calls::{
    etcd_auth_disable, etcd_auth_enable, etcd_auth_role_add, etcd_auth_role_get, etcd_auth_role_grant_kv,
    etcd_auth_role_list, etcd_auth_role_remove, etcd_auth_role_revoke_kv, etcd_auth_status, etcd_auth_user_add,
    etcd_auth_user_change_password, etcd_auth_user_get, etcd_auth_user_grant, etcd_auth_user_list,
    etcd_auth_user_remove, etcd_auth_user_revoke,
};
use crate::client::{outcome, raw};
use crate::strings::{List, take};
use crate::{Client, Context, Failure, c};

type Handles = (*mut etcd_client, *const etcd_context);
type Done = Result<(), Failure>;
type Names = Result<Vec<String>, Failure>;

/// The auth calls of a client, with a context or without.
pub struct Auth<'a> {
    client: &'a Client,
    context: Option<&'a Context>,
}

impl Client {
    pub fn auth(&self) -> Auth<'_> {
        self.auth_with(None)
    }

    pub fn auth_with<'a>(&'a self, context: Option<&'a Context>) -> Auth<'a> {
        Auth { client: self, context }
    }
}

impl Auth<'_> {
    fn done(&self, call: impl FnOnce(Handles, *mut *mut etcd_error) -> i32) -> Done {
        let mut error = null_mut();
        let status = call((self.client.raw(), raw(self.context)), &mut error);
        outcome(status, error)
    }

    fn names(&self, call: impl FnOnce(Handles, *mut *mut etcd_strings, *mut *mut etcd_error) -> i32) -> Names {
        let mut list = null_mut();
        let result = self.done(|handles, error| call(handles, &mut list, error));
        assert_eq!(result.is_ok(), !list.is_null(), "a list on success and only then");
        result.map(|()| take(list))
    }

    pub fn enable(&self) -> Done {
        // SAFETY: everything lives for the call.
        self.done(|(client, context), error| unsafe { etcd_auth_enable(client, context, error) })
    }

    pub fn disable(&self) -> Done {
        // SAFETY: everything lives for the call.
        self.done(|(client, context), error| unsafe { etcd_auth_disable(client, context, error) })
    }

    pub fn status(&self) -> Result<bool, Failure> {
        let mut enabled = true;
        // SAFETY: everything lives for the call.
        let result =
            self.done(|(client, context), error| unsafe { etcd_auth_status(client, context, &mut enabled, error) });
        assert!(result.is_ok() || !enabled, "enabled together with an error");
        result.map(|()| enabled)
    }

    pub fn user_add(&self, user: &str, password: &str) -> Done {
        let (user, password) = (c(user), c(password));
        // SAFETY: everything lives for the call.
        self.done(|(client, context), error| unsafe {
            etcd_auth_user_add(client, context, user.as_ptr(), password.as_ptr(), error)
        })
    }

    pub fn user_change_password(&self, user: &str, password: &str) -> Done {
        let (user, password) = (c(user), c(password));
        // SAFETY: everything lives for the call.
        self.done(|(client, context), error| unsafe {
            etcd_auth_user_change_password(client, context, user.as_ptr(), password.as_ptr(), error)
        })
    }

    pub fn user_remove(&self, user: &str) -> Done {
        let user = c(user);
        // SAFETY: everything lives for the call.
        self.done(|(client, context), error| unsafe { etcd_auth_user_remove(client, context, user.as_ptr(), error) })
    }

    pub fn user_get(&self, user: &str) -> Names {
        let user = c(user);
        // SAFETY: everything lives for the call.
        self.names(|(client, context), list, error| unsafe {
            etcd_auth_user_get(client, context, user.as_ptr(), list, error)
        })
    }

    pub fn user_list(&self) -> Names {
        // SAFETY: everything lives for the call.
        self.names(|(client, context), list, error| unsafe { etcd_auth_user_list(client, context, list, error) })
    }

    pub fn user_grant(&self, user: &str, roles: &[&str]) -> Done {
        let (user, roles) = (c(user), List::new(roles));
        // SAFETY: everything lives for the call.
        self.done(|(client, context), error| unsafe {
            etcd_auth_user_grant(client, context, user.as_ptr(), roles.raw(), error)
        })
    }

    pub fn user_revoke(&self, user: &str, roles: &[&str]) -> Done {
        let (user, roles) = (c(user), List::new(roles));
        // SAFETY: everything lives for the call.
        self.done(|(client, context), error| unsafe {
            etcd_auth_user_revoke(client, context, user.as_ptr(), roles.raw(), error)
        })
    }

    pub fn role_add(&self, role: &str) -> Done {
        let role = c(role);
        // SAFETY: everything lives for the call.
        self.done(|(client, context), error| unsafe { etcd_auth_role_add(client, context, role.as_ptr(), error) })
    }

    pub fn role_remove(&self, role: &str) -> Done {
        let role = c(role);
        // SAFETY: everything lives for the call.
        self.done(|(client, context), error| unsafe { etcd_auth_role_remove(client, context, role.as_ptr(), error) })
    }

    /// The prefixes that the role may read, and those that it may write.
    pub fn role_get(&self, role: &str) -> Result<(Vec<String>, Vec<String>), Failure> {
        let (role, mut read, mut write) = (c(role), null_mut(), null_mut());
        // SAFETY: everything lives for the call.
        let result = self.done(|(client, context), error| unsafe {
            etcd_auth_role_get(client, context, role.as_ptr(), &mut read, &mut write, error)
        });
        assert!(result.is_ok() || (read.is_null() && write.is_null()), "lists together with an error");
        result.map(|()| (take(read), take(write)))
    }

    pub fn role_list(&self) -> Names {
        // SAFETY: everything lives for the call.
        self.names(|(client, context), list, error| unsafe { etcd_auth_role_list(client, context, list, error) })
    }

    pub fn role_grant(&self, role: &str, prefixes: &[&str], permission: i32) -> Done {
        let (role, prefixes) = (c(role), List::new(prefixes));
        // SAFETY: everything lives for the call.
        self.done(|(client, context), error| unsafe {
            etcd_auth_role_grant_kv(client, context, role.as_ptr(), prefixes.raw(), permission, error)
        })
    }

    pub fn role_revoke(&self, role: &str, prefixes: &[&str], permission: i32) -> Done {
        let (role, prefixes) = (c(role), List::new(prefixes));
        // SAFETY: everything lives for the call.
        self.done(|(client, context), error| unsafe {
            etcd_auth_role_revoke_kv(client, context, role.as_ptr(), prefixes.raw(), permission, error)
        })
    }
}
