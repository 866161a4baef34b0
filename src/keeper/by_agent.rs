//! Tokens of a person's login: the login in use, loaded by oidc-agent, gives them.
//!
//! oidc-agent repeats old errors and hangs with its provider (docs/parts.md), so a refusal counts only from a fresh
//! agent, and one that has not answered in time is ended with all its processes.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::identity::agent::Agent;
use crate::identity::store::{Login, Store};
use crate::settings;
use crate::trouble::Trouble;

use super::{Part, Patience};

/// One token; with an audience it is a refresh at the provider each time. Generous, for where refresh tokens are of one
/// use, an answer that nobody waits for any more takes the login with it.
const TOKEN: Duration = Duration::from_secs(25);

/// Has the agent, and asks it.
#[derive(Debug)]
pub(super) struct ByAgent {
    login: settings::Login,
    environment: settings::Environment,
    store: Store,
    socket: PathBuf,
    /// Where the volume carries no sockets.
    _folder: Option<tempfile::TempDir>,
    open: Option<Open>,
    /// The login of the last try.
    tried: Option<Login>,
}

/// An agent on one login.
#[derive(Debug)]
struct Open {
    agent: Agent,
    login: Login,
    loaded: bool,
}

impl ByAgent {
    pub(super) fn new(part: &Part, carries_sockets: bool) -> Result<Self, Trouble> {
        let (socket, folder) = if carries_sockets {
            (part.volume.agent_socket(), None)
        } else {
            let folder = tempfile::tempdir().map_err(|error| Trouble::Agent {
                detail: format!("cannot make a folder for its socket: {error}"),
            })?;
            (folder.path().join("oidc-agent.sock"), Some(folder))
        };
        part.settings
            .trust
            .agent_bundle(&part.volume)
            .map_err(|error| Trouble::Agent {
                detail: error.to_string(),
            })?;
        Ok(Self {
            login: part.login.clone(),
            environment: part.settings.environment.clone(),
            store: Store::new(&part.settings.home),
            socket,
            _folder: folder,
            open: None,
            tried: None,
        })
    }

    /// The agent's socket, while it has the account.
    pub(super) fn socket(&self) -> Option<PathBuf> {
        let open = self.open.as_ref()?;
        open.loaded.then(|| self.socket.clone())
    }

    /// Whether there is another login than the one that is loaded, or the agent has ended.
    pub(super) fn needs_a_new_start(&mut self) -> bool {
        let ended = |open: &mut Open| open.agent.has_ended().is_some();
        self.has_new_login() || self.open.as_mut().is_some_and(ended)
    }

    /// Whether there is another login than that of the last try.
    pub(super) fn has_new_login(&self) -> bool {
        self.store.current(&self.login.account).ok().flatten() != self.tried
    }

    /// Ends the agent.
    pub(super) async fn end(&mut self, patience: Patience) {
        if let Some(open) = self.open.take() {
            open.agent.stop(patience.time()).await;
        }
    }

    /// A token, by a real refresh at the provider.
    pub(super) async fn token(&mut self) -> Result<SecretString, Trouble> {
        let login = self.current()?;
        let usable = |open: &mut Open| open.login == login && open.agent.has_ended().is_none();
        if !self.open.as_mut().is_some_and(usable) {
            self.end(Patience::Hurried).await;
        }
        let was_open = self.open.is_some();
        let end = self.ask(&login).await;
        match &end {
            Err(trouble) if was_open && may_be_stale(trouble) => {
                self.end(Patience::Hurried).await;
                self.ask(&login).await
            }
            _ => end,
        }
    }

    /// Asks for a token; an agent that is not there yet is started, and has the account loaded.
    ///
    /// One that failed is ended, but for a provider that merely cannot be reached: the account stays loaded. One that
    /// still waits for an answer is of no use either.
    async fn ask(&mut self, login: &Login) -> Result<SecretString, Trouble> {
        let end = self.try_to_ask(login).await;
        let is_stuck = self.open.as_ref().is_some_and(|open| open.agent.is_stuck());
        let keeps = match &end {
            Ok(_) => true,
            Err(Trouble::ProviderUnreachable { .. } | Trouble::ProviderFailing { .. }) => !is_stuck,
            Err(_) => false,
        };
        if !keeps {
            self.end(Patience::Hurried).await;
        }
        end
    }

    async fn try_to_ask(&mut self, login: &Login) -> Result<SecretString, Trouble> {
        let account = &self.login.account;
        let open = match self.open.take() {
            Some(open) => self.open.insert(open),
            None => self.open.insert(Open {
                agent: Agent::start(
                    &self.environment,
                    &login.folder,
                    &self.socket,
                    &self.login.issuer,
                )
                .await?,
                login: login.clone(),
                loaded: false,
            }),
        };
        if !open.loaded {
            open.agent.load(account, &self.login.password).await?;
            open.loaded = true;
        }
        open.agent
            .access_token(account, &self.login.audience, TOKEN)
            .await
    }

    fn current(&mut self) -> Result<Login, Trouble> {
        self.tried = self
            .store
            .current(&self.login.account)
            .map_err(|error| Trouble::Agent {
                detail: error.to_string(),
            })?;
        let login = self.tried.clone().ok_or(Trouble::NoLogin)?;
        match &login.about {
            Some(about) if about.issuer != self.login.issuer => Err(Trouble::OtherIssuer {
                saved: about.issuer.clone(),
                wanted: self.login.issuer.clone(),
            }),
            _ => Ok(login),
        }
    }
}

/// Whether an agent that ran already may have repeated an old error, or be of no use any more.
fn may_be_stale(trouble: &Trouble) -> bool {
    matches!(
        trouble,
        Trouble::LoginEnded { .. }
            | Trouble::LoginRefused { .. }
            | Trouble::ClientRefused { .. }
            | Trouble::Agent { .. }
    )
}
