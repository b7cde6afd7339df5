use std::ptr::null_mut;

use ::etcd_client::capi::members::*;
use ::etcd_client::capi::strings::{etcd_strings_free, etcd_strings_len};

use crate::calls::{
    etcd_members_add, etcd_members_leader, etcd_members_list, etcd_members_remove, etcd_members_update,
};
use crate::client::{outcome, raw};
use crate::strings::{List, read};
use crate::{Client, Context, Failure, c, text};

/// A member, copied out of its list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub id: String,
    pub name: String,
    pub peer_urls: Vec<String>,
    pub client_urls: Vec<String>,
}

/// Copies the members and frees the list.
fn take(members: *mut etcd_members) -> Vec<Member> {
    assert!(!members.is_null(), "success without members");
    // SAFETY: the list is ours, alive until the free, and not used after it.
    unsafe {
        let member = |index| {
            let member = etcd_members_get(members, index);
            Member {
                id: text(etcd_member_id(member)).expect("an id"),
                name: text(etcd_member_name(member)).expect("a name"),
                peer_urls: read(etcd_member_peer_urls(member)),
                client_urls: read(etcd_member_client_urls(member)),
            }
        };
        let copies = (0..etcd_members_len(members)).map(member).collect();
        assert!(etcd_members_get(members, etcd_members_len(members)).is_null(), "a member past the end");
        etcd_members_free(members);
        copies
    }
}

impl Client {
    pub fn members_list(&self, context: Option<&Context>) -> Result<Vec<Member>, Failure> {
        let (mut members, mut error) = (null_mut(), null_mut());
        // SAFETY: everything lives for the call.
        let status = unsafe { etcd_members_list(self.raw(), raw(context), &mut members, &mut error) };
        outcome(status, error).map(|()| take(members))
    }

    pub fn members_leader(&self, context: Option<&Context>) -> Result<Member, Failure> {
        let (mut members, mut error) = (null_mut(), null_mut());
        // SAFETY: everything lives for the call.
        let status = unsafe { etcd_members_leader(self.raw(), raw(context), &mut members, &mut error) };
        outcome(status, error).map(|()| one(take(members)))
    }

    pub fn members_add(&self, context: Option<&Context>, peer_url: &str) -> Result<Member, Failure> {
        let (mut members, mut error) = (null_mut(), null_mut());
        // SAFETY: everything lives for the call.
        let status =
            unsafe { etcd_members_add(self.raw(), raw(context), c(peer_url).as_ptr(), &mut members, &mut error) };
        outcome(status, error).map(|()| one(take(members)))
    }

    pub fn members_remove(&self, context: Option<&Context>, id: &str) -> Result<(), Failure> {
        let mut error = null_mut();
        // SAFETY: everything lives for the call.
        let status = unsafe { etcd_members_remove(self.raw(), raw(context), c(id).as_ptr(), &mut error) };
        outcome(status, error)
    }

    pub fn members_update(&self, context: Option<&Context>, id: &str, peer_urls: &[&str]) -> Result<(), Failure> {
        let (mut error, urls) = (null_mut(), List::new(peer_urls));
        // SAFETY: everything lives for the call.
        let status = unsafe { etcd_members_update(self.raw(), raw(context), c(id).as_ptr(), urls.raw(), &mut error) };
        outcome(status, error)
    }

    /// Whether the lists inside a member can be freed or changed by a program that casts the const away.
    pub fn member_lists_survive_misuse(&self) -> bool {
        let mut members = null_mut();
        // SAFETY: the list is freed at the end; its strings are borrowed, which the library is to notice.
        unsafe {
            assert_eq!(etcd_members_list(self.raw(), std::ptr::null(), &mut members, null_mut()), 0);
            let urls = etcd_member_peer_urls(etcd_members_get(members, 0));
            let before = etcd_strings_len(urls);
            let added = ::etcd_client::capi::strings::etcd_strings_add(urls.cast_mut(), c"x".as_ptr());
            etcd_strings_free(urls.cast_mut());
            etcd_members_free(etcd_members_get(members, 0).cast_mut().cast());
            let survives = added == ::etcd_client::capi::status::ETCD_ERR_INVALID_ARGUMENT
                && etcd_strings_len(urls) == before
                && read(urls).len() == before;
            etcd_members_free(members);
            survives
        }
    }
}

fn one(members: Vec<Member>) -> Member {
    assert_eq!(members.len(), 1, "a list of one");
    members.into_iter().next().expect("one member")
}
