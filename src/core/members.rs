//! The members API: who belongs to the cluster.

use super::client::Client;
use super::error::Result;
use super::v2::members_answer as answer;
use super::v2::members_request as request;
use crate::rt::context::Context;

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

impl Client {
    pub fn members_list(&self, context: Option<&Context>) -> Result<Vec<Member>> {
        self.ask(request::list(), context, answer::list)
    }

    pub fn members_add(&self, peer_url: &str, context: Option<&Context>) -> Result<Member> {
        self.ask(request::add(peer_url)?, context, answer::added)
    }

    pub fn members_remove(&self, id: &str, context: Option<&Context>) -> Result<()> {
        self.ask(request::remove(id)?, context, answer::removed)
    }

    pub fn members_update(&self, id: &str, peer_urls: &[&str], context: Option<&Context>) -> Result<()> {
        self.ask(request::update(id, peer_urls)?, context, answer::updated)
    }

    pub fn members_leader(&self, context: Option<&Context>) -> Result<Member> {
        self.ask(request::leader(), context, answer::leader)
    }
}
