//! The proof of the whole way: a token, credentials, and an object listed, written and deleted under the backup path.

use crate::error::Result;
use crate::identity::expiry::Expiry;
use crate::keeper;
use crate::settings::Settings;
use crate::storage::probe;
use crate::supervise::Interrupts;
use crate::volume::Volume;

use super::access::{PATIENCE, StorageAccess, with_access};
use super::device_login::say;

/// Goes the whole way and tells each step; a running server takes the login in use first.
pub(super) async fn chain(
    settings: &Settings,
    volume: &Volume,
    expiry: Option<Expiry>,
    interrupts: &mut Interrupts,
) -> Result<()> {
    let taken = interrupts
        .unless(async { Ok(keeper::ask_for_renewal(volume).await) })
        .await?;
    with_access(settings, volume, async |access| {
        interrupts.unless(steps(settings, volume, access)).await
    })
    .await?;
    if matches!(taken, Some(Ok(()))) {
        say("The running server has taken it.");
    }
    if let Some(expiry) = expiry {
        say(&format!("\nThe login is good until {expiry}."));
    }
    Ok(())
}

async fn steps(settings: &Settings, volume: &Volume, access: &StorageAccess) -> Result<()> {
    if let Some(keeper) = access.keeper() {
        let credentials = keeper.wait_for_credentials(PATIENCE).await?;
        say(&format!(
            "Token: ok. Credentials for the storage: ok, until {}.",
            credentials.expiration
        ));
    }
    probe::list_write_delete(settings, volume, access.supply().as_ref()).await?;
    say(&format!(
        "Storage: listing, writing and deleting in {}: ok.",
        settings.remote
    ));
    Ok(())
}
