//! Members: who belongs to the cluster. All calls block until the answer, the context's end, or close.

use std::ffi::{CString, c_char};
use std::ptr;

use super::border;
use super::client::{self, etcd_client};
use super::context::etcd_context;
use super::error::etcd_error;
use super::status::etcd_status;
use super::strings::{self as string_list, etcd_strings};
use crate::core::caller::Caller;
use crate::core::error::{Outcome, Result};
use crate::core::members::Member;
use crate::core::memory;
use crate::ffi::handle::{self, Handle, Object};
use crate::ffi::{out, strings};

/// Members of a cluster. Immutable, so any number of threads may read it.
pub struct etcd_members {
    _opaque: [u8; 0],
}

/// A member; borrowed from its list, never freed by the caller. Every accessor accepts NULL.
pub struct etcd_member {
    _opaque: [u8; 0],
}

pub struct MemberText {
    id: CString,
    name: CString,
    peer_urls: Object<Vec<CString>>,
    client_urls: Object<Vec<CString>>,
}

impl Handle for etcd_members {
    type Value = Vec<Object<MemberText>>;
    const TAG: u64 = 0x656d_656d_6265_7273;
}

impl Handle for etcd_member {
    type Value = MemberText;
    const TAG: u64 = 0x656d_656d_6265_7231;
}

impl MemberText {
    fn new(member: &Member) -> Result<MemberText> {
        let list = |urls: &[String]| string_list::c_strings(urls).map(Object::borrowed::<etcd_strings>);
        Ok(MemberText {
            id: strings::large_c_string(&member.id, "the id of a member")?,
            name: strings::large_c_string(&member.name, "the name of a member")?,
            peer_urls: list(&member.peer_urls)?,
            client_urls: list(&member.client_urls)?,
        })
    }
}

pub(super) fn give(members: &[Member]) -> Result<*mut etcd_members> {
    let mut texts = memory::list(members.len(), "a list of members")?;
    for member in members {
        texts.push(Object::borrowed::<etcd_member>(MemberText::new(member)?));
    }
    Ok(handle::give(texts))
}

/// The members of the cluster, as the member that answers knows them. The caller frees the list with etcd_members_free.
/// A NULL context means the client's request timeout. Needs no user. A read: it may be sent to one endpoint after
/// another until one answers.
///
/// ETCD_ERR_INVALID_ARGUMENT: client or members is NULL. ETCD_ERR_MEMBERS: etcd refused; etcd_error_api_message has its
/// words. ETCD_ERR_CANCELED, ETCD_ERR_DEADLINE_EXCEEDED: the context's end. ETCD_ERR_CLUSTER: no endpoint answered.
/// ETCD_ERR_API_NOT_SERVED: v2 is off or gone. ETCD_ERR_INVALID_RESPONSE, ETCD_ERR_EMPTY_BODY, ETCD_ERR_TOO_LARGE: the
/// answer. ETCD_ERR_API: a refusal with a code. ETCD_ERR_CLOSED, ETCD_ERR_FORKED, ETCD_ERR_WOULD_DEADLOCK,
/// ETCD_ERR_PANIC, ETCD_ERR_NO_MEMORY, ETCD_ERR_INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_members_list(
    client: *mut etcd_client,
    context: *const etcd_context,
    members: *mut *mut etcd_members,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { out::put(members, ptr::null_mut()) };
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        client::call(client, context, error, |client, context| {
            border::present("members", members)?;
            out::put(members, give(&client.carry_out(context, Caller::members_list)?)?);
            Ok(())
        })
    }
}

/// Makes etcd accept a new member with this peer URL, such as "http://10.0.0.4:2380". `added`, which may be NULL,
/// receives a list of one with the id that it got, to be freed with etcd_members_free. The new member counts for the
/// quorum at once: start it right after, with this URL and --initial-cluster-state existing. While auth is enabled, the
/// client's user needs the role root.
///
/// Like every write of this API, it is sent elsewhere only while no byte of it has gone out; etcd_error_outcome says
/// whether it happened, and etcd_members_list shows it.
///
/// ETCD_ERR_INVALID_ARGUMENT: client or peer_url is NULL, or the URL is not http, https, unix or unixs with a host:port
/// and nothing behind it; the words are those of Go. ETCD_ERR_MEMBERS: etcd refused; etcd_error_api_message has its
/// words, such as "membership: peerURL exists" (HTTP 409) or "Insufficient credentials" (HTTP 401). The other statuses
/// of etcd_members_list, and for a write that must not be sent again what happened at its endpoint: ETCD_ERR_IO,
/// ETCD_ERR_TLS (plain text was spoken to a TLS port),
/// ETCD_ERR_TIMEOUT, ETCD_ERR_HTTP_STATUS, ETCD_ERR_NO_LEADER, ETCD_ERR_INVALID_RESPONSE; its outcome is
/// ETCD_MAYBE_APPLIED then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_members_add(
    client: *mut etcd_client,
    context: *const etcd_context,
    peer_url: *const c_char,
    added: *mut *mut etcd_members,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { out::put(added, ptr::null_mut()) };
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        client::write(client, context, error, |client, context| {
            let member = {
                let peer_url = strings::owned_text("peer_url", peer_url)?;
                client.carry_out(context, |caller| caller.members_add(peer_url))?
            };
            if !added.is_null() {
                out::put(added, give(&[member]).map_err(|error| error.with_outcome(Outcome::Applied))?);
            }
            Ok(())
        })
    }
}

/// Removes a member for good: its process ends, and its id never comes back. Removing one that was removed before is
/// fine, as in Go. Statuses as for etcd_members_add. ETCD_ERR_INVALID_ARGUMENT: client or member_id is NULL, or
/// member_id is empty, has a "/", or is "." or "..". ETCD_ERR_MEMBERS: "No such member" (HTTP 404), or "Insufficient
/// credentials" (HTTP 401).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_members_remove(
    client: *mut etcd_client,
    context: *const etcd_context,
    member_id: *const c_char,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        client::write(client, context, error, |client, context| {
            let member_id = strings::owned_text("member_id", member_id)?;
            client.carry_out(context, |caller| caller.members_remove(member_id))
        })
    }
}

/// Replaces the peer URLs of a member; the list is copied, its URLs are trimmed and sorted. Statuses as for
/// etcd_members_add.
/// ETCD_ERR_INVALID_ARGUMENT: client, member_id or peer_urls is NULL, the id is one that etcd_members_remove refuses,
/// the list is empty, or a URL is one that etcd_members_add refuses. ETCD_ERR_MEMBERS: "No such member" (HTTP 404),
/// "membership: peerURL exists" (HTTP 409), or "Insufficient credentials" (HTTP 401).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_members_update(
    client: *mut etcd_client,
    context: *const etcd_context,
    member_id: *const c_char,
    peer_urls: *const etcd_strings,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        client::write(client, context, error, |client, context| {
            let peer_urls = string_list::owned("peer_urls", peer_urls)?;
            let member_id = strings::owned_text("member_id", member_id)?;
            client.carry_out(context, |caller| caller.members_update(member_id, peer_urls))
        })
    }
}

/// The leader of the cluster, as a list of one. The caller frees it with etcd_members_free. Statuses as for
/// etcd_members_list;
/// ETCD_ERR_INVALID_ARGUMENT: client or leader is NULL. While the cluster elects one, every endpoint fails:
/// ETCD_ERR_CLUSTER, with ETCD_ERR_NO_LEADER in the error's list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_members_leader(
    client: *mut etcd_client,
    context: *const etcd_context,
    leader: *mut *mut etcd_members,
    error: *mut *mut etcd_error,
) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe { out::put(leader, ptr::null_mut()) };
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe {
        client::call(client, context, error, |client, context| {
            border::present("leader", leader)?;
            out::put(leader, give(&[client.carry_out(context, Caller::members_leader)?])?);
            Ok(())
        })
    }
}

/// How many members there are; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_members_len(members: *const etcd_members) -> usize {
    // SAFETY: the C caller's promise.
    unsafe { handle::borrow(members) }.map_or(0, Vec::len)
}

/// A member, borrowed from the list; NULL past the end and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_members_get(members: *const etcd_members, index: usize) -> *const etcd_member {
    // SAFETY: the C caller's promise.
    let list = unsafe { handle::borrow(members) };
    list.and_then(|list| handle::element(list, index)).unwrap_or(ptr::null())
}

/// Frees a list with its members; NULL is fine; any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_members_free(members: *mut etcd_members) {
    // SAFETY: the caller owns the object.
    unsafe { border::free(members) }
}

/// The member's id, in hexadecimal; borrowed; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_member_id(member: *const etcd_member) -> *const c_char {
    // SAFETY: the C caller's promise.
    unsafe { handle::borrow(member) }.map_or(ptr::null(), |member| member.id.as_ptr())
}

/// The member's name; borrowed; "" for a member that was added and has never started; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_member_name(member: *const etcd_member) -> *const c_char {
    // SAFETY: the C caller's promise.
    unsafe { handle::borrow(member) }.map_or(ptr::null(), |member| member.name.as_ptr())
}

/// Where the other members reach it; borrowed, and neither to be changed nor freed; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_member_peer_urls(member: *const etcd_member) -> *const etcd_strings {
    // SAFETY: the C caller's promise.
    unsafe { handle::borrow(member) }.map_or(ptr::null(), |member| handle::inside(&member.peer_urls))
}

/// Where clients reach it; borrowed, and neither to be changed nor freed; empty for a member that was added and has
/// never started; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_member_client_urls(member: *const etcd_member) -> *const etcd_strings {
    // SAFETY: the C caller's promise.
    unsafe { handle::borrow(member) }.map_or(ptr::null(), |member| handle::inside(&member.client_urls))
}
