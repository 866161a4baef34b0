//! How the login does, as its keeper on this volume knows it, for commands that work through the running server.

use jiff::Timestamp;
use tokio::time::{Duration, Instant, sleep};

use crate::error::{Error, Result};
use crate::keeper::{Neighbour, Status};
use crate::settings::Settings;
use crate::trouble::Trouble;
use crate::volume::Volume;

use super::access::PATIENCE;

/// Between two questions.
const PAUSE: Duration = Duration::from_secs(1);

/// What the keeper of the login knows; `None` where the storage needs none, or where nobody answers.
pub(super) async fn known(settings: &Settings, volume: &Volume) -> Option<Status> {
    Neighbour::new(settings, volume)?.status().await
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
