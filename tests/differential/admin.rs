//! Members, users and roles, as both clients can manage them.

use etcd_test_harness::{Client, Failure, Member};
use serde::Serialize;

use crate::answer::Answer;

/// The JSON of it is what the Go driver reads.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "operation")]
pub(crate) enum Admin {
    #[serde(rename = "members.list")]
    MembersList,
    #[serde(rename = "members.leader")]
    MembersLeader,
    /// With one URL.
    #[serde(rename = "members.add")]
    MembersAdd { peer_urls: Vec<String> },
    #[serde(rename = "members.remove")]
    MembersRemove { id: String },
    #[serde(rename = "members.update")]
    MembersUpdate { id: String, peer_urls: Vec<String> },
    #[serde(rename = "auth.enable")]
    AuthEnable,
    #[serde(rename = "auth.disable")]
    AuthDisable,
    #[serde(rename = "users.add")]
    UserAdd { user: String, password: String },
    #[serde(rename = "users.change_password")]
    UserChangePassword { user: String, password: String },
    #[serde(rename = "users.remove")]
    UserRemove { user: String },
    #[serde(rename = "users.get")]
    UserGet { user: String },
    #[serde(rename = "users.list")]
    UserList,
    #[serde(rename = "users.grant")]
    UserGrant { user: String, roles: Vec<String> },
    #[serde(rename = "users.revoke")]
    UserRevoke { user: String, roles: Vec<String> },
    #[serde(rename = "roles.add")]
    RoleAdd { role: String },
    #[serde(rename = "roles.remove")]
    RoleRemove { role: String },
    #[serde(rename = "roles.get")]
    RoleGet { role: String },
    #[serde(rename = "roles.list")]
    RoleList,
    #[serde(rename = "roles.grant")]
    RoleGrant { role: String, prefixes: Vec<String>, permission: i32 },
    #[serde(rename = "roles.revoke")]
    RoleRevoke { role: String, prefixes: Vec<String>, permission: i32 },
}

impl Admin {
    /// Makes the call over the C ABI.
    pub(crate) fn run(&self, client: &Client) -> Answer {
        let auth = client.auth();
        match self {
            Admin::MembersList => client.members_list(None).map(members).into(),
            Admin::MembersLeader => client.members_leader(None).map(one_member).into(),
            Admin::MembersAdd { peer_urls } => client.members_add(None, &peer_urls[0]).map(one_member).into(),
            Admin::MembersRemove { id } => done(client.members_remove(None, id)),
            Admin::MembersUpdate { id, peer_urls } => done(client.members_update(None, id, &texts(peer_urls))),
            Admin::AuthEnable => done(auth.enable()),
            Admin::AuthDisable => done(auth.disable()),
            Admin::UserAdd { user, password } => done(auth.user_add(user, password)),
            Admin::UserChangePassword { user, password } => done(auth.user_change_password(user, password)),
            Admin::UserRemove { user } => done(auth.user_remove(user)),
            Admin::UserGet { user } => auth.user_get(user).into(),
            Admin::UserList => auth.user_list().into(),
            Admin::UserGrant { user, roles } => done(auth.user_grant(user, &texts(roles))),
            Admin::UserRevoke { user, roles } => done(auth.user_revoke(user, &texts(roles))),
            Admin::RoleAdd { role } => done(auth.role_add(role)),
            Admin::RoleRemove { role } => done(auth.role_remove(role)),
            Admin::RoleGet { role } => auth.role_get(role).map(permissions).into(),
            Admin::RoleList => auth.role_list().into(),
            Admin::RoleGrant { role, prefixes, permission } => {
                done(auth.role_grant(role, &texts(prefixes), *permission))
            }
            Admin::RoleRevoke { role, prefixes, permission } => {
                done(auth.role_revoke(role, &texts(prefixes), *permission))
            }
        }
    }

    /// The names that become one segment of the URL's path.
    pub(crate) fn segment(&self) -> Option<&str> {
        match self {
            Admin::MembersRemove { id } | Admin::MembersUpdate { id, .. } => Some(id),
            Admin::UserAdd { user, .. }
            | Admin::UserChangePassword { user, .. }
            | Admin::UserRemove { user }
            | Admin::UserGet { user }
            | Admin::UserGrant { user, .. }
            | Admin::UserRevoke { user, .. } => Some(user),
            Admin::RoleAdd { role }
            | Admin::RoleRemove { role }
            | Admin::RoleGet { role }
            | Admin::RoleGrant { role, .. }
            | Admin::RoleRevoke { role, .. } => Some(role),
            _ => None,
        }
    }

    /// What is granted or revoked.
    pub(crate) fn grants(&self) -> Option<&[String]> {
        match self {
            Admin::UserGrant { roles: list, .. }
            | Admin::UserRevoke { roles: list, .. }
            | Admin::RoleGrant { prefixes: list, .. }
            | Admin::RoleRevoke { prefixes: list, .. } => Some(list),
            _ => None,
        }
    }

    /// The same with what only one of two servers has: its member's id and its peer URL.
    pub(crate) fn at(&self, id: &str, peer_url: &str) -> Admin {
        let mut changed = self.clone();
        let urls = match &mut changed {
            Admin::MembersUpdate { id: own, peer_urls } => {
                *own = own.replace(OWN_ID, id);
                peer_urls
            }
            Admin::MembersAdd { peer_urls } => peer_urls,
            _ => return changed,
        };
        for url in urls {
            *url = url.replace(OWN_PEER_URL, peer_url);
        }
        changed
    }
}

/// Stands for the id of the member that is asked.
pub(crate) const OWN_ID: &str = "OWN-ID";
/// Stands for its peer URL.
pub(crate) const OWN_PEER_URL: &str = "OWN-PEER-URL";

fn texts(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}

fn done(result: Result<(), Failure>) -> Answer {
    result.map(|()| Vec::new()).into()
}

fn one_member(member: Member) -> Vec<String> {
    members(vec![member])
}

/// As the Go driver lays them out.
fn members(list: Vec<Member>) -> Vec<String> {
    let lines = |member: Member| {
        let named = [format!("id {}", member.id), format!("name {}", member.name)];
        let peers = member.peer_urls.into_iter().map(|url| format!("peer {url}"));
        let clients = member.client_urls.into_iter().map(|url| format!("client {url}"));
        named.into_iter().chain(peers).chain(clients).collect::<Vec<_>>()
    };
    list.into_iter().flat_map(lines).collect()
}

fn permissions((read, write): (Vec<String>, Vec<String>)) -> Vec<String> {
    let read = read.into_iter().map(|prefix| format!("read {prefix}"));
    read.chain(write.into_iter().map(|prefix| format!("write {prefix}"))).collect()
}
