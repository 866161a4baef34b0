//! `credential-process`: the storage's credentials as the AWS SDKs and tools want them of an external process.
//!
//! A program asks at each of its starts, and duplicity starts rclone for each of its files. So on a host, where no server
//! keeps credentials, they are saved until a third of their life is left, and of calls side by side one alone renews. In
//! the image none are saved: its volume holds no secret in the clear.

use std::io::Write;
use std::time::Duration;

use crate::credentials::{self, Credentials};
use crate::error::{Error, Result};
use crate::place::Place;
use crate::settings::Settings;
use crate::supervise::Interrupts;
use crate::trouble::Trouble;
use crate::volume::Volume;

use super::access::{PATIENCE, with_access};

mod saved;

use saved::Saved;

/// Saved credentials that end sooner are of no use to who asks.
const LAST: Duration = Duration::from_secs(5);

pub(super) async fn run() -> Result<u8> {
    let settings = super::settings()?;
    crate::log::start(settings.logging.warnings_only());
    let volume = Volume::open(&settings.home)?;
    let mut interrupts = Interrupts::new()?;
    let saved = match Place::here() {
        Place::Host => Saved::find(&settings, &volume)?,
        Place::Image => None,
    };
    let end = match saved {
        Some(saved) => of_saved(&settings, &volume, &saved, &mut interrupts).await?,
        None => renewed(&settings, &volume, PATIENCE, &mut interrupts).await?,
    };
    writeln!(
        std::io::stdout(),
        "{}",
        credentials::credential_process(&end)
    )
    .map_err(|source| Error::System {
        what: "writing the credentials",
        source,
    })?;
    Ok(0)
}

/// The saved ones, as long as they are fresh; else new ones, which are saved. Those that are not fresh and still good
/// are given where there are no new ones, as the server does it.
async fn of_saved(
    settings: &Settings,
    volume: &Volume,
    saved: &Saved,
    interrupts: &mut Interrupts,
) -> Result<Credentials> {
    if let Some(fresh) = saved.with_left(saved.third()) {
        return Ok(fresh);
    }
    let _turn = interrupts
        .unless(volume.lock_credentials())
        .await
        .map_err(too_long)?;
    if let Some(fresh) = saved.with_left(saved.third()) {
        return Ok(fresh);
    }
    let good = saved.with_left(LAST);
    let patience = if good.is_some() { LAST } else { PATIENCE };
    match (renewed(settings, volume, patience, interrupts).await, good) {
        (Ok(new), _) => {
            saved.keep(&new);
            Ok(new)
        }
        (Err(Error::Login(trouble)), Some(good)) => {
            tracing::warn!(
                "{trouble}; the credentials are good until {}. {}",
                good.expiration,
                trouble.remedy()
            );
            Ok(good)
        }
        (Err(error), _) => Err(error),
    }
}

fn too_long(error: Error) -> Error {
    match error {
        Error::LocksInUse => Error::Login(Trouble::Neighbour {
            holder: "another credential-process".to_owned(),
            is_server: false,
        }),
        other => other,
    }
}

/// Those of who keeps the login, be it this process; what passes by itself is waited out for this long.
async fn renewed(
    settings: &Settings,
    volume: &Volume,
    patience: Duration,
    interrupts: &mut Interrupts,
) -> Result<Credentials> {
    with_access(settings, volume, async |access| {
        let keeper = access.keeper().ok_or_else(|| Error::NoLoginNeeded {
            remote: settings.remote.to_string(),
        })?;
        interrupts
            .unless(async { Ok(keeper.wait_for_credentials(patience).await?) })
            .await
    })
    .await
}
