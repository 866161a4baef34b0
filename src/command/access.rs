//! What a command needs to reach the storage: the keeper of the login and the endpoint where rclone gets credentials.
//!
//! For storage without a login there is nothing to it.

use std::path::PathBuf;
use std::time::Duration;

use crate::credentials::endpoint::LoopbackEndpoint;
use crate::error::{Error, Result};
use crate::identity::store::Store;
use crate::keeper::{Handle, Keeper, Patience};
use crate::settings::Settings;
use crate::storage::Supply;
use crate::trouble::Trouble;
use crate::volume::Volume;

/// rclone's question waits this long for the first credentials after a start.
const FIRST: Duration = Duration::from_secs(8);
/// What passes by itself is waited out this long by a command that a person has typed.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// The way to the storage, for as long as a command runs.
pub(super) struct StorageAccess {
    login: Option<Opened>,
}

struct Opened {
    keeper: Keeper,
    endpoint: LoopbackEndpoint,
    /// The socket of oidc-agent.
    agent: PathBuf,
}

impl StorageAccess {
    /// Begins to keep the login, or to follow who keeps it; an error where nobody has logged in yet.
    pub(super) async fn open(settings: &Settings, volume: &Volume) -> Result<Self> {
        require_login(settings)?;
        let Some(keeper) = Keeper::start(settings, volume) else {
            return Ok(Self { login: None });
        };
        let handle = keeper.handle();
        let endpoint = LoopbackEndpoint::start(move || {
            let handle = handle.clone();
            async move { handle.credentials(FIRST).await }
        })
        .await?;
        Ok(Self {
            login: Some(Opened {
                keeper,
                endpoint,
                agent: volume.agent_socket(),
            }),
        })
    }

    /// What rclone opens the login's storage with.
    pub(super) fn supply(&self) -> Option<Supply> {
        let opened = self.login.as_ref()?;
        Some(Supply {
            endpoint: opened.endpoint.variables(),
            agent: opened.agent.clone(),
        })
    }

    /// Asks the keeper, where there is one.
    pub(super) fn keeper(&self) -> Option<Handle> {
        self.login.as_ref().map(|opened| opened.keeper.handle())
    }

    /// Waits until there are credentials; an error says why there are none.
    pub(super) async fn ready(&self) -> Result<()> {
        if let Some(keeper) = self.keeper() {
            keeper.wait_for_credentials(PATIENCE).await?;
        }
        Ok(())
    }

    /// Begins to end the agent, where it is ours, beside what else has to end.
    pub(super) fn begin_to_close(&self, patience: Patience) {
        if let Some(opened) = &self.login {
            opened.keeper.begin_to_stop(patience);
        }
    }

    /// Ends the agent, where it is ours. Needed: one that is killed in the middle of a refresh can lose the login.
    pub(super) async fn close(self, patience: Patience) {
        if let Some(opened) = self.login {
            drop(opened.endpoint);
            opened.keeper.stop(patience).await;
        }
    }
}

/// Does `work` with access to the storage, and ends the access in an orderly way however `work` ends.
pub(super) async fn with_access<T>(
    settings: &Settings,
    volume: &Volume,
    work: impl AsyncFnOnce(&StorageAccess) -> Result<T>,
) -> Result<T> {
    let access = StorageAccess::open(settings, volume).await?;
    let end = work(&access).await;
    access.close(patience_after(&end)).await;
    end
}

/// After a signal there is little time left.
pub(super) fn patience_after<T>(end: &Result<T>) -> Patience {
    match end {
        Err(error) if error.is_hurried() => Patience::Hurried,
        _ => Patience::Leisurely,
    }
}

/// That somebody has logged in on this volume, where the storage needs it.
pub(super) fn require_login(settings: &Settings) -> Result<()> {
    let Some(login) = &settings.login else {
        return Ok(());
    };
    if login.service.is_some() {
        return Ok(());
    }
    match Store::new(&settings.home).current(&login.account)? {
        Some(_) => Ok(()),
        None => Err(Error::Login(Trouble::NoLogin)),
    }
}
