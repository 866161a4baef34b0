//! The proof of the whole way: a token, credentials, and an object written, listed, read and deleted under the backup path.
//! For storage without a login it begins with the object.

use crate::credentials::Credentials;
use crate::error::{Error, Result};
use crate::identity::expiry::Expiry;
use crate::keeper::{Handle, Neighbour};
use crate::repository::require_to_last;
use crate::settings::{Destination, Login, Settings};
use crate::storage::probe::{self, Missing};
use crate::supervise::Interrupts;
use crate::trouble::Trouble;
use crate::volume::{Holder, Volume};

use super::access::{PATIENCE, StorageAccess, with_access};
use super::copy::at_second;
use super::device_login::say;
use super::running::patiently;

/// For a server that was started before the settings were changed.
const RECREATE: &str = "For it to take changed ones: docker compose up -d --force-recreate";

/// Goes the whole way and tells each step; a running server takes the login in use first.
///
/// `next` is what to type where no server runs, one command a line.
pub(super) async fn chain(
    settings: &Settings,
    volume: &Volume,
    expiry: Option<Expiry>,
    next: &str,
    interrupts: &mut Interrupts,
) -> Result<()> {
    let taken = first(settings, volume, interrupts).await?;
    end(settings, volume, taken, expiry, next)
}

/// The same with the second destination, where there is one.
pub(super) async fn both(
    settings: &Settings,
    volume: &Volume,
    expiry: Option<Expiry>,
    next: &str,
    interrupts: &mut Interrupts,
) -> Result<()> {
    let taken = first(settings, volume, interrupts).await?;
    if settings.has_second() {
        let second = settings.second()?;
        say("The second destination:");
        let proof = with_access(&second, volume, async |access| {
            steps(&second, volume, access, interrupts).await
        });
        proof.await.map_err(|error| at_second(error, &second))?;
    }
    end(settings, volume, taken, expiry, next)
}

/// Whether a neighbour who keeps the login has taken it.
async fn first(settings: &Settings, volume: &Volume, interrupts: &mut Interrupts) -> Result<bool> {
    let proof = prove(settings, volume, interrupts).await;
    let is_person = |login: &Login| login.service.is_none();
    let is_of_a_person = settings.login.as_ref().is_some_and(is_person);
    match &proof {
        Err(Error::Login(trouble)) if trouble.is_about_the_storage() => {
            let works = if is_of_a_person {
                "The login works and is saved"
            } else {
                "The service client gets tokens"
            };
            say(&format!(
                "{works}, and the storage does not open. Once that is mended, try again by:\n\n    \
                 docker compose run --rm cloud-backup config\n",
            ));
        }
        Err(Error::Login(Trouble::Neighbour { .. } | Trouble::OtherSettings { .. }))
            if is_of_a_person =>
        {
            say(
                "The login stays saved: no other one has to be made. The way to the storage is not proven.",
            );
        }
        _ => (),
    }
    proof
}

/// What to know and to do after it.
fn end(
    settings: &Settings,
    volume: &Volume,
    taken: bool,
    expiry: Option<Expiry>,
    next: &str,
) -> Result<()> {
    // Who keeps the login may be a job without a server.
    let server = volume.server()?;
    if let Some(holder) = &server {
        let works_on = holder.as_ref().and_then(Holder::remote);
        // The second destination is served by nobody.
        let elsewhere = works_on.filter(|remote| {
            settings.destination == Destination::First && *remote != settings.remote.as_str()
        });
        let has_taken = if taken {
            "has taken the login, and "
        } else {
            ""
        };
        match elsewhere {
            _ if settings.login.is_none() => say(&format!(
                "The running server keeps the settings of its start. {RECREATE}"
            )),
            Some(remote) => say(&format!(
                "The running server {has_taken}still works on {remote}: it keeps the settings of its start. {RECREATE}",
            )),
            _ if taken => say("The running server has taken it."),
            _ => say("The running server takes it by itself."),
        }
    }
    if let Some(expiry) = expiry {
        say(&format!("\nThe login is good until {expiry}."));
    }
    if server.is_none() {
        say("\nNext:\n");
        next.lines().for_each(|line| say(&format!("    {line}")));
    }
    Ok(())
}

/// Whether a neighbour who keeps the login has taken it.
async fn prove(settings: &Settings, volume: &Volume, interrupts: &mut Interrupts) -> Result<bool> {
    let taken = interrupts
        .unless(async {
            // Its old credentials may still be good: they would prove nothing.
            match Neighbour::new(settings, volume) {
                Some(neighbour) => patiently(neighbour, neighbour.renew())
                    .await
                    .transpose()
                    .map_err(Into::into),
                None => Ok(None),
            }
        })
        .await?;
    with_access(settings, volume, async |access| {
        steps(settings, volume, access, interrupts).await
    })
    .await?;
    Ok(taken.is_some())
}

async fn steps(
    settings: &Settings,
    volume: &Volume,
    access: &StorageAccess,
    interrupts: &mut Interrupts,
) -> Result<()> {
    if let Some(keeper) = access.keeper() {
        let given = async { Ok(credentials(&keeper).await?) };
        let credentials = interrupts.unless(given).await?;
        say(&format!(
            "Token: ok. Credentials for the storage: ok, until {}.",
            credentials.expiration
        ));
    }
    say(&format!("Storage: {}", settings.remote));
    require_to_last(&settings.remote)?;
    let told = |step: &str| say(&format!("  {step}"));
    let supply = access.supply();
    let made = Missing::Made;
    probe::write_list_read_delete(settings, volume, supply.as_ref(), made, interrupts, told).await
}

/// A person waits for it: what fails is told at once, but for a neighbour who has just begun or ended; a server that is
/// silent hangs.
async fn credentials(keeper: &Handle) -> Result<Credentials, Trouble> {
    match keeper.credentials(PATIENCE).await {
        Err(Trouble::Neighbour {
            is_server: false, ..
        }) => keeper.wait_for_credentials(PATIENCE).await,
        known => known,
    }
}
