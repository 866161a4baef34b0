//! How the login does: as it is saved on this volume, and as its keeper knows it, for commands that work through the
//! running server.

use jiff::Timestamp;
use tokio::time::{Duration, Instant, sleep};

use crate::error::{Error, Result};
use crate::identity::agent::{StoredAccount, read_account};
use crate::identity::expiry::Expiry;
use crate::identity::store::Store;
use crate::keeper::{Neighbour, Status};
use crate::settings::{self, Settings};
use crate::trouble::Trouble;
use crate::volume::Volume;

use super::access::PATIENCE;

/// Between two questions.
const PAUSE: Duration = Duration::from_secs(1);

/// What the keeper of the login knows; `None` where the storage needs none, or where nobody answers.
pub(super) async fn known(settings: &Settings, volume: &Volume) -> Option<Status> {
    Neighbour::new(settings, volume)?.status().await
}

/// The login as this volume has it: nobody is asked over the network, and nothing is refreshed.
pub(super) struct Saved {
    /// Whose it is, where that was written down.
    pub user: Option<String>,
    /// The account of oidc-agent, or why it cannot be read.
    pub account: Result<StoredAccount, Trouble>,
    /// When it was made, where that was written down.
    made: Option<Timestamp>,
    /// When it ends, as the provider has told last.
    told: Option<Expiry>,
}

impl Saved {
    /// The login of these settings.
    pub(super) async fn read(settings: &Settings, login: &settings::Login) -> Self {
        let none = |trouble| Self {
            user: None,
            account: Err(trouble),
            made: None,
            told: None,
        };
        let current = match Store::new(&settings.home).current(&login.account) {
            Ok(Some(current)) => current,
            Ok(None) => return none(Trouble::NoLogin),
            Err(error) => {
                let detail = error.to_string();
                return none(Trouble::Agent { detail });
            }
        };
        let account = read_account(
            &settings.environment,
            &current.folder,
            &login.account,
            &login.password,
        );
        Self {
            account: account.await,
            made: current.about.as_ref().map(|about| about.made),
            told: Expiry::kept(&current.folder),
            user: current.about.and_then(|about| about.user),
        }
    }

    /// When it ends, as far as it tells itself, or its provider has told; else an estimate. `None` where only the login
    /// service may know.
    pub(super) fn expiry(&self) -> Option<Expiry> {
        let account = self.account.as_ref().ok()?;
        let of_token = account.refresh_token.as_ref().and_then(Expiry::of_token);
        of_token.or_else(|| match self.told {
            // There are providers where each refresh prolongs the login: that it is over is for them to say.
            Some(told) => Some(told).filter(|told| told.left(Timestamp::now()).is_some()),
            None => self.made.and_then(Expiry::estimate),
        })
    }
}

/// Waits until the keeper has credentials; an error says why it has none.
pub(super) async fn require_credentials(settings: &Settings, volume: &Volume) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        let Some(status) = known(settings, volume).await else {
            return Ok(());
        };
        let trouble = match status.answer(Timestamp::now()) {
            Some(Ok(_)) => return Ok(()),
            Some(Err(trouble)) => trouble,
            None => nothing_known(),
        };
        if trouble.needs_a_person() || Instant::now() + PAUSE > until {
            return Err(trouble.into());
        }
        sleep(PAUSE).await;
    }
}

fn nothing_known() -> Trouble {
    Trouble::NoToken {
        detail: "the first try has not ended yet".to_owned(),
    }
}

/// An error where there are no credentials, or where there soon will be none unless a person does something.
pub(super) async fn require_health(settings: &Settings, volume: &Volume) -> Result<()> {
    if settings.login.is_none() {
        return Ok(());
    }
    let Some(status) = known(settings, volume).await else {
        return Err(Error::Unhealthy(
            "nobody keeps the login: see docker compose logs cloud-backup".to_owned(),
        ));
    };
    let trouble = match (status.answer(Timestamp::now()), status.trouble) {
        (Some(Err(trouble)), _) => trouble,
        (_, Some(trouble)) if trouble.needs_a_person() => trouble,
        (Some(Ok(_)), _) => return Ok(()),
        (None, _) => {
            return Err(Error::Unhealthy(
                "the first answer of the login service is still waited for".to_owned(),
            ));
        }
    };
    Err(Error::Unhealthy(format!("{trouble}. {}", trouble.remedy())))
}

/// An error of the storage for want of credentials becomes the reason why there are none.
pub(super) fn explain<T>(end: Result<T>, known: Option<Status>) -> Result<T> {
    end.map_err(
        |error| match known.and_then(|status| status.answer(Timestamp::now())) {
            Some(Err(trouble)) if may_want_credentials(&error) => trouble.into(),
            _ => error,
        },
    )
}

fn may_want_credentials(error: &Error) -> bool {
    matches!(
        error,
        Error::ServerFailed { .. }
            | Error::NoAnswer { .. }
            | Error::StorageFailing { .. }
            | Error::StorageForbidden { .. }
            | Error::AbsenceNotProven { .. }
            | Error::ConfigMissing { .. }
            | Error::RepositoryGone { .. }
            | Error::NoRepository { .. }
            | Error::WrongPassword
            | Error::NoKeys
            | Error::Restic { .. }
    )
}
