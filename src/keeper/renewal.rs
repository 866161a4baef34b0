//! One renewal: a token gives credentials. The token is that of a person's login, by oidc-agent, or the service client's.

use std::path::PathBuf;

use crate::credentials::Credentials;
use crate::credentials::sts::Sts;
use crate::identity::service::Service;
use crate::trouble::Trouble;

use super::by_agent::ByAgent;
use super::{Part, Patience};

/// Renews.
#[derive(Debug)]
pub(super) struct Renewer {
    sts: Sts,
    tokens: Tokens,
}

/// Where tokens come from.
#[derive(Debug)]
enum Tokens {
    Agent(Box<ByAgent>),
    Service(Service),
}

impl Renewer {
    pub(super) fn new(part: &Part, carries_sockets: bool) -> Result<Self, Trouble> {
        let trust = &part.settings.trust;
        let tokens = match Service::of(&part.login, trust) {
            Some(service) => Tokens::Service(service),
            None => Tokens::Agent(Box::new(ByAgent::new(part, carries_sockets)?)),
        };
        let sts = Sts::new(&part.login, trust).map_err(|error| Trouble::Agent {
            detail: error.to_string(),
        })?;
        Ok(Self { sts, tokens })
    }

    /// New credentials by a new token of the provider.
    pub(super) async fn renew(&mut self) -> Result<Credentials, Trouble> {
        let token = match &mut self.tokens {
            Tokens::Agent(agent) => agent.token().await?,
            Tokens::Service(service) => service.token().await?,
        };
        self.sts.assume_role(&token).await
    }

    /// The agent's socket, while it has the account.
    pub(super) fn socket(&self) -> Option<PathBuf> {
        match &self.tokens {
            Tokens::Agent(agent) => agent.socket(),
            Tokens::Service(_) => None,
        }
    }

    /// Whether there is another login than the one that is loaded, or the agent has ended.
    pub(super) fn needs_a_new_start(&mut self) -> bool {
        match &mut self.tokens {
            Tokens::Agent(agent) => agent.needs_a_new_start(),
            Tokens::Service(_) => false,
        }
    }

    /// Whether there is another login than that of the last try.
    pub(super) fn has_new_login(&self) -> bool {
        match &self.tokens {
            Tokens::Agent(agent) => agent.has_new_login(),
            Tokens::Service(_) => false,
        }
    }

    /// Ends the agent, where there is one.
    pub(super) async fn end(&mut self, patience: Patience) {
        match &mut self.tokens {
            Tokens::Agent(agent) => agent.end(patience).await,
            Tokens::Service(_) => (),
        }
    }
}
