//! The members API: who belongs to the cluster.

use super::caller::Caller;
use super::error::Result;
use super::v2::members_answer as answer;
use super::v2::members_request as request;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// In hexadecimal.
    pub id: String,
    /// Empty for a member that was added and has never started.
    pub name: String,
    pub peer_urls: Vec<String>,
    /// Empty for a member that was added and has never started.
    pub client_urls: Vec<String>,
}

impl Caller {
    pub async fn members_list(self) -> Result<Vec<Member>> {
        self.ask(request::list(), answer::list).await
    }

    pub async fn members_add(self, peer_url: String) -> Result<Member> {
        self.ask(request::add(&peer_url)?, answer::added).await
    }

    pub async fn members_remove(self, id: String) -> Result<()> {
        self.ask(request::remove(&id)?, answer::removed).await
    }

    pub async fn members_update(self, id: String, peer_urls: Vec<String>) -> Result<()> {
        self.ask(request::update(&id, &peer_urls)?, answer::updated).await
    }

    pub async fn members_leader(self) -> Result<Member> {
        self.ask(request::leader(), answer::leader).await
    }
}
